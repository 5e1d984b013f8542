//! The appliance from outside: the real binary in a temporary folder, on a port of its own, over real HTTP.

mod appliance;
mod bad_input;
mod browser;
mod commands;
mod first_run;
mod folders;
mod hub;
mod kills;
mod load;
mod local;
mod models;
mod openai;
mod remote;
mod reranking;
mod switch;
#[path = "../data/stories260k.rs"]
mod stories260k;
mod tiny;
mod tokenize;
mod walk;
mod webdriver;
mod websites;
