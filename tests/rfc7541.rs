//! RFC 7541, section by section: a function for each requirement, named after its number.

#[path = "rfc7541/appendix_c.rs"]
mod appendix_c;
#[path = "rfc7541/memory.rs"]
mod memory;
#[path = "rfc7541/properties.rs"]
mod properties;
#[path = "rfc7541/section_2.rs"]
mod section_2;
#[path = "rfc7541/section_4.rs"]
mod section_4;
#[path = "rfc7541/section_5.rs"]
mod section_5;
#[path = "rfc7541/section_6.rs"]
mod section_6;
#[path = "rfc7541/section_7.rs"]
mod section_7;
#[path = "rfc7541/stories.rs"]
mod stories;
#[path = "rfc7541/support.rs"]
mod support;
