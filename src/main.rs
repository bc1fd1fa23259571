//! tmp
use keycloak_user_operator::api::*;
fn main(){ for d in custom_resource_definitions() { println!("---\n{}", render_definition(&d).unwrap()); } }
