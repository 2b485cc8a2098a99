//! Macros of httpd's and APR's headers, by their C names.

#![expect(non_snake_case, reason = "the names are those of the C headers")]

use core::ffi::c_int;
use core::mem::offset_of;

use crate::{apr_bucket, apr_bucket_brigade, apr_bucket_type_t};

/// Where `ap_check_cmd_context` must not find a directive that is for the whole server; as of 2.4.37.
pub const GLOBAL_ONLY: u32 = crate::NOT_IN_VIRTUALHOST
    | crate::NOT_IN_LIMIT
    | crate::NOT_IN_DIRECTORY
    | crate::NOT_IN_LOCATION
    | crate::NOT_IN_FILES
    | crate::NOT_IN_PROXY;

/// The minor magic number of httpd 2.4.37, which is what a module made with these bindings needs.
pub const MODULE_MAGIC_NUMBER_MINOR_FLOOR: u32 = 83;

/// `OPT_EXECCGI` of `Options`.
pub const OPT_EXECCGI: c_int = 8;
/// `AP_REQ_REJECT_PATH_INFO` of `request_rec::used_path_info`.
pub const AP_REQ_REJECT_PATH_INFO: c_int = 1;
/// `AP_CGI_PASS_AUTH_ON` of `core_dir_config::cgi_pass_auth`.
pub const AP_CGI_PASS_AUTH_ON: u32 = 1;
/// `AP_CORE_CONFIG_ON` of `core_dir_config`'s switches.
pub const AP_CORE_CONFIG_ON: u32 = 1;
/// `APR_HASH_KEY_STRING`: the key ends with a NUL.
pub const APR_HASH_KEY_STRING: isize = -1;

/// `APR_BRIGADE_SENTINEL`: what looks like a bucket before the first and after the last one.
///
/// # Safety
/// `brigade` points to a brigade.
pub unsafe fn APR_BRIGADE_SENTINEL(brigade: *mut apr_bucket_brigade) -> *mut apr_bucket {
    // SAFETY: the field is inside of the brigade that the caller vouches for.
    let list = unsafe { &raw mut (*brigade).list };
    list.cast::<u8>()
        .wrapping_sub(offset_of!(apr_bucket, link))
        .cast()
}

/// `APR_BRIGADE_FIRST`.
///
/// # Safety
/// `brigade` points to a brigade.
pub unsafe fn APR_BRIGADE_FIRST(brigade: *mut apr_bucket_brigade) -> *mut apr_bucket {
    // SAFETY: the caller vouches for the brigade, whose ring is never without links.
    unsafe { (*brigade).list.next }
}

/// `APR_BUCKET_NEXT`.
///
/// # Safety
/// `bucket` points to a bucket in a brigade.
pub unsafe fn APR_BUCKET_NEXT(bucket: *mut apr_bucket) -> *mut apr_bucket {
    // SAFETY: the caller vouches for the bucket.
    unsafe { (*bucket).link.next }
}

/// `APR_BRIGADE_INSERT_TAIL`.
///
/// # Safety
/// `brigade` points to a brigade, `bucket` to a bucket that is in none.
pub unsafe fn APR_BRIGADE_INSERT_TAIL(brigade: *mut apr_bucket_brigade, bucket: *mut apr_bucket) {
    // SAFETY: the caller vouches for the brigade.
    let sentinel = unsafe { APR_BRIGADE_SENTINEL(brigade) };
    // SAFETY: the brigade's ring has links in both directions.
    let last = unsafe { (*brigade).list.prev };
    // SAFETY: the caller vouches for the bucket.
    unsafe { (*bucket).link.next = sentinel };
    // SAFETY: as above.
    unsafe { (*bucket).link.prev = last };
    // SAFETY: `last` is a bucket of the ring, or the sentinel, of which only the links are touched.
    unsafe { (*last).link.next = bucket };
    // SAFETY: the sentinel's links are those of the brigade.
    unsafe { (*brigade).list.prev = bucket };
}

/// `APR_BUCKET_IS_EOS` and its like, by the address of the type.
///
/// # Safety
/// `bucket` points to a bucket.
pub unsafe fn bucket_is(bucket: *const apr_bucket, kind: *const apr_bucket_type_t) -> bool {
    // SAFETY: the caller vouches for the bucket.
    unsafe { (*bucket).type_ == kind }
}
