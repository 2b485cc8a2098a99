//! What of httpd and APR is bound: what the fence uses and nothing else.

/// Functions, as one regular expression each.
pub(crate) const FUNCTIONS: &[&str] = &[
    // Hooks, providers, optional functions, the server's banner.
    "ap_hook_(pre_config|check_config|post_config|pre_mpm|child_init|child_status|monitor|end_generation)",
    "ap_hook_(translate_name|access_checker|check_access|type_checker|fixups|handler|log_transaction)",
    "ap_register_(provider|auth_provider)",
    "apr_dynamic_fn_retrieve",
    "ap_add_version_component",
    // Configuration.
    "ap_(get|set)_(module_config|core_module_config)",
    "ap_check_cmd_context|ap_walk_config|ap_getword_conf",
    "ap_server_root_relative|ap_runtime_dir_relative",
    "ap_regcomp|ap_regfree|ap_regexec|ap_pregsub|ap_regerror",
    "ap_uname2id|ap_gname2id",
    // Processes and the MPM.
    "ap_mpm_query|ap_show_mpm|ap_state_query|ap_close_listeners|ap_exists_config_define",
    "ap_exists_scoreboard_image|ap_get_scoreboard_global",
    "apr_proc_fork|apr_proc_other_child_(register|unregister)|apr_pool_note_subprocess",
    "ap_get_server_(banner|built|description)",
    // Requests.
    "ap_add_(common|cgi)_vars",
    "ap_get_brigade|ap_pass_brigade|ap_discard_request_body|ap_get_limit_req_body",
    "ap_map_http_request_error|ap_set_content_type|ap_set_content_length|ap_set_last_modified|ap_update_mtime",
    "ap_meets_conditions|ap_internal_redirect|ap_internal_redirect_handler|ap_send_http_options|ap_allow_options",
    "ap_satisfies|ap_some_auth_required|ap_some_authn_required|ap_note_auth_failure",
    "ap_document_root|ap_context_prefix|ap_context_document_root|ap_find_path_info|ap_get_status_line",
    "ap_get_server_name|ap_get_server_name_for_url|ap_get_server_port|ap_run_http_scheme|ap_run_default_port",
    "ap_get_remote_host|ap_get_useragent_host|ap_get_remote_logname|ap_run_generate_log_id",
    "ap_get_conn_socket|ap_psignature|ap_escape_html2|ap_no2slash|ap_auth_type|ap_auth_name",
    // The log.
    "ap_log_error_|ap_log_rerror_|ap_log_cerror_|ap_log_perror_",
    "ap_get_(request|server|conn|conn_server|request_server)_module_loglevel",
    // Buckets.
    "apr_brigade_(create|cleanup|destroy|insert_file|flatten|length)",
    "apr_bucket_(free|alloc|heap_create|transient_create|immortal_create|eos_create|flush_create)",
    "apr_bucket_(file_enable_mmap|shared_make|shared_split|shared_copy|shared_destroy|setaside_noop)",
    "ap_bucket_error_create",
    // Pools, strings, tables.
    "apr_pool_(create_ex|destroy|cleanup_register|cleanup_kill|cleanup_null|cleanup_run)",
    "apr_(palloc|pstrdup|pstrmemdup|strerror)",
    "apr_table_(make|get|set|setn|add|addn|unset|elts|clear|overlap)",
    // Files, sockets, time.
    "apr_os_file_(put|get)|apr_os_sock_get|apr_file_close|apr_time_now",
    "apr_socket_timeout_(get|set)|apr_sockaddr_ip_get",
    "apr_date_parse_http",
];

/// Types that no function names but macros and casts do.
pub(crate) const TYPES: &[&str] = &[
    "authn_provider",
    "authz_provider",
    "authn_status",
    "authz_status",
    "core_dir_config",
    "global_score",
    "apr_bucket_file",
    "apr_bucket_refcount",
    "apr_dev_t|apr_ino_t|apr_time_t",
    "apr_hook_type_e|.*_hook_.*_e",
    "apr_pool_t|apr_table_entry_t",
];

/// Variables and constants.
pub(crate) const VARIABLES: &[&str] = &[
    "ap_unixd_config|ap_server_conf|ap_server_root|ap_coredumpdir_configured",
    "apr_bucket_type_eos",
    "MODULE_MAGIC_(COOKIE|NUMBER_MAJOR|NUMBER_MINOR)",
    "AP_SERVER_.*VERSION.*",
    "OK|DECLINED|DONE|SUSPENDED|HTTP_[A-Z_]+|AP_FILTER_ERROR|AP_NOBODY_[A-Z]+",
    "M_[A-Z_]+|METHODS",
    "OR_[A-Z]+|ACCESS_CONF|RSRC_CONF|EXEC_ON_READ|NOT_IN_[A-Z_]+",
    "APLOG_[A-Z0-9_]+|APLOGNO_.*",
    "AP_MPMQ_[A-Z_]+|AP_SQ_.*",
    "APR_HOOK_[A-Z_]+|APR_OC_REASON_[A-Z]+|APR_INCHILD|APR_INPARENT",
    "APR_SUCCESS|APR_INCOMPLETE|APR_E[A-Z]+|APR_TIMEUP|APR_OS_START_[A-Z]+",
    "APR_(FOPEN_READ|FOPEN_NOCLEANUP|FOPEN_SENDFILE_ENABLED|SENDFILE_ENABLED|FINFO_[A-Z]+)",
    "APR_PROC_[A-Z_]+|APR_REG|APR_DIR|APR_NOFILE",
    "AP_REG_(ICASE|EXTENDED|NOSUB|NEWLINE)|AP_MAX_REG_MATCH",
    "AUTHN_PROVIDER_[A-Z]+|AUTHZ_PROVIDER_[A-Z]+|AP_AUTH_INTERNAL_[A-Z_]+",
    "ENABLE_SENDFILE_[A-Z]+|ENABLE_MMAP_[A-Z]+",
    "REMOTE_[A-Z_]+|HUGE_STRING_LEN|MAX_STRING_LEN",
    "SATISFY_[A-Z]+|CGI_MAGIC_TYPE|DEFAULT_(USER|GROUP)",
];

/// Types whose fields nobody looks at. They would drag in a good part of httpd.
pub(crate) const OPAQUE: &[&str] = &[
    "ap_errorlog_.*",
    "ap_expr_t",
    "ap_logconf",
    "apr_bucket_alloc_t",
    "hostent|rlimit|sockaddr.*|in6?_addr",
];
