//! The door from Python: the extension module `rickhouse._engine`, whose `main` never returns.

rickhouse_python::extension_module!(PyInit__engine, c"_engine", crate::life);
