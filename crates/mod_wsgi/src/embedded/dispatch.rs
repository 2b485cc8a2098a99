//! `WSGIDispatchScript` (DD §5.10).
