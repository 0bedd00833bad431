use super::*;

fn rules(list: Vec<Rule>) -> Rules {
    Rules::new(Encoding::Utf8, list).unwrap()
}

fn with(class: Class, when: &str, extract: Extract) -> Rule {
    Rule {
        extract: Some(extract),
        ..Rule::new(class, Match::written(when))
    }
}

fn pairs(rules: &Rules, frame: &str) -> Option<(Class, Vec<(String, String)>)> {
    let (class, fields) = rules.classify(frame.as_bytes())?;
    Some((class, fields.0))
}

fn owned(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let one = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    list.iter().map(one).collect()
}

#[test]
fn the_first_rule_that_fits_wins_and_nothing_is_guessed() {
    let rules = rules(vec![
        Rule::new(Class::NoRead, Match::written("NOREAD")),
        Rule::new(Class::Status, Match::written("OK,*")),
        Rule::new(Class::Status, Match::written("^ER\\d$")),
        Rule::new(Class::Heartbeat, Match::Literal(Vec::new())),
    ]);
    let class = |frame: &[u8]| rules.classify(frame).map(|(class, _)| class);
    assert_eq!(class(b"NOREAD"), Some(Class::NoRead));
    assert_eq!(class(b" NOREAD \r"), Some(Class::NoRead));
    assert_eq!(class(b"NOREAD1"), None);
    assert_eq!(class(b"OK,LON"), Some(Class::Status));
    assert_eq!(class(b"ER7"), Some(Class::Status));
    assert_eq!(class(b"ER77"), None);
    assert_eq!(class(b""), Some(Class::Heartbeat));
    assert_eq!(class(b"\xff\xfe"), None, "no text, and no rule for bytes");
}

#[test]
fn fields_come_by_groups_csv_and_pairs() {
    let list = vec![
        with(
            Class::Data,
            "^T(?<tag>\\d+) R(?<rssi>-?\\d+)( B(?<battery>\\d+))?$",
            Extract::Regex,
        ),
        with(
            Class::Data,
            "MARK;*",
            Extract::Csv {
                separator: ';',
                columns: vec![("serial".to_owned(), 1), ("grade".to_owned(), 2)],
            },
        ),
        with(
            Class::Data,
            "F;*",
            Extract::Csv {
                separator: ';',
                columns: vec![("far".to_owned(), 2)],
            },
        ),
        with(
            Class::Data,
            "id=*",
            Extract::KeyValue {
                separator: ',',
                assign: '=',
            },
        ),
    ];
    let rules = rules(list);
    let check = |frame: &str, class: Class, fields: &[(&str, &str)]| {
        assert_eq!(
            pairs(&rules, frame),
            Some((class, owned(fields))),
            "{frame}"
        );
    };
    check("T12 R-60", Class::Data, &[("tag", "12"), ("rssi", "-60")]);
    check(
        "MARK;\"A;\"\"1\"\"\";B",
        Class::Data,
        &[("serial", "A;\"1\""), ("grade", "B")],
    );
    check("id=7, bat = 80", Class::Data, &[("id", "7"), ("bat", "80")]);
    assert_eq!(pairs(&rules, "MARK;\"open"), None);
    assert_eq!(pairs(&rules, "F;1"), None, "a rule without its fields");
}

#[test]
fn rules_that_cannot_be_are_told_with_their_position() {
    let bad = |rule| {
        Rules::new(
            Encoding::Utf8,
            vec![Rule::new(Class::Ignore, Match::Any), rule],
        )
    };
    let (at, error) = bad(Rule::new(Class::Data, Match::written("^("))).unwrap_err();
    assert_eq!(at, 1);
    assert!(matches!(error, BadRule::Pattern(_)), "{error}");
    let long = format!("^{}", "a".repeat(MAX_PATTERN));
    let (_, error) = bad(Rule::new(Class::Data, Match::written(&long))).unwrap_err();
    assert_eq!(error, BadRule::TooLong);
    let (_, error) = bad(with(Class::Data, "A*", Extract::Regex)).unwrap_err();
    assert_eq!(error, BadRule::NoPattern);
}

#[test]
fn columns_may_be_empty() {
    assert_eq!(
        csv("a,b,", ','),
        Ok(vec!["a".into(), "b".into(), String::new()])
    );
    assert_eq!(csv("", ','), Ok(vec![String::new()]));
}

#[test]
fn other_encodings_are_read_before_patterns_are_tried() {
    let rule = Rule::new(Class::Data, Match::written("^終了$"));
    let rules = Rules::new(Encoding::ShiftJis, vec![rule]).unwrap();
    let done = rules.classify(b"\x8f\x49\x97\xb9").map(|(class, _)| class);
    assert_eq!(done, Some(Class::Data));
}
