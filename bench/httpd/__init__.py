"""The benchmark of the module for Apache httpd: rickhouse's mod_wsgi.so and mod_wsgi itself, in the same httpd."""
