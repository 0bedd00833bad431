//! The corpus through every target, and every target complete.

use std::path::{Path, PathBuf};

use tracegate_fuzz::TARGETS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .filter_map(|path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[test]
fn the_whole_corpus_passes_every_target() {
    let mut inputs = Vec::new();
    for (name, _) in TARGETS {
        for entry in
            std::fs::read_dir(root().join("corpus").join(name)).expect("every target has seeds")
        {
            let path = entry.expect("readable").path();
            inputs.push((path.clone(), std::fs::read(&path).expect("readable")));
        }
    }
    assert!(inputs.len() > 50, "only {} inputs", inputs.len());
    // Each input also where it was not made for: it costs little and now and then finds something.
    for (path, data) in &inputs {
        for (name, target) in TARGETS {
            println!("{name} with {}", path.display());
            target(data);
        }
    }
    println!("{} inputs through {} targets", inputs.len(), TARGETS.len());
}

#[test]
fn every_target_has_its_binary_and_seeds() {
    let mut expected: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    expected.sort();
    assert_eq!(names(&root().join("src/bin")), expected, "binaries");
    assert_eq!(names(&root().join("corpus")), expected, "seeds");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("readable");
    let readme = std::fs::read_to_string(root().join("README.md")).expect("readable");
    for (name, _) in TARGETS {
        assert!(
            readme.contains(&format!("| `{name}` |")),
            "{name} is not in README.md"
        );
        let binary = format!("[[bin]]\nname = \"{name}\"\nrequired-features = [\"libfuzzer\"]\n");
        assert!(
            manifest.contains(&binary),
            "{name} is no fuzzer in Cargo.toml"
        );
        assert!(
            !names(&root().join("corpus").join(name)).is_empty(),
            "{name} has no seeds"
        );
    }
}
