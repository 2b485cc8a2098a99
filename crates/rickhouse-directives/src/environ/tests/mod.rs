mod application;
mod proxy;
mod request;
