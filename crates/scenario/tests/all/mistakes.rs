//! Mistakes: each with its line, its column and what to write instead, and all at once.
#[test]
fn probe() {
    let text = crate::own::scenario_with(
        "\n[documents]\ntotl = 3\n\n[[meetings]]\nkind = 3\nfoo=4\n\n[[meetings]]\nkind = \"chief\"\ndates=[2018-02-30, 2020-02-25T10:00:00]\ntotal=-1\n",
    );
    println!(
        "{}",
        scenario::Scenario::parse("m.toml", &text).unwrap_err()
    );
    println!(
        "{}",
        scenario::Scenario::parse("m.toml", "[a\nb = = 3\n[scenario]\nname=\"x").unwrap_err()
    );
    println!("{}", scenario::Scenario::parse("m.toml", "").unwrap_err());
}
