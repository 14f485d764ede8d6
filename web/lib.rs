//! The browser client and the arena's page, as files that a relay serves. Plain ES modules: what is here is what the browser runs.

use tickwire::Page;

/// The arena.
pub fn arena() -> Vec<Page> {
    vec![]
}
