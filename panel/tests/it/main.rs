//! The panel against small fakes of the services that it is a client of: pages, forms, attacks.

mod attacks;
mod browser;
mod contrast;
mod fake;
mod forms;
mod html;
mod login;
mod logins;
mod operations;
mod pages;
mod samples;
mod transfer;
mod weight;
