//! The README shows what the examples are.

#[test]
fn every_block_of_rust_stands_in_an_example() {
    let readme = include_str!("../../README.md");
    let examples = [
        include_str!("../../relay/examples/embed.rs"),
        include_str!("../../relay/examples/who_may_play.rs"),
        include_str!("../../relay/examples/rooms.rs"),
        include_str!("../../client/examples/bot.rs"),
        include_str!("../../cli/examples/own_program.rs"),
    ];
    let blocks: Vec<&str> =
        readme.split("```rust\n").skip(1).map(|rest| rest.split_once("```").expect("every block ends").0).collect();
    assert!(blocks.len() >= examples.len());
    for block in blocks {
        assert!(examples.iter().any(|example| example.contains(block)), "no example has:\n{block}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let readme = include_str!("../../README.md");
    for link in readme.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap_or_default()) {
        assert!(
            link.starts_with("https://") || std::fs::exists(format!("{root}/{link}")).is_ok_and(|found| found),
            "{link}"
        );
    }
}
