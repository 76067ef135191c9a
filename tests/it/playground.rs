//! The built files of the playground are what `playground/build.sh` made of the sources at hand. Needs no Node.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

const STALE: &str = "playground/dist is stale: run playground/build.sh";

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the playground") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn the_built_files_belong_to_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("playground");
    let recorded: BTreeMap<String, String> = fs::read_to_string(root.join("dist.sha256"))
        .expect("dist.sha256")
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(digest, path)| (path.to_owned(), digest.to_owned()))
        .collect();
    let mut present = ["index.html", "package.json", "package-lock.json", "vite.config.js"]
        .map(|name| root.join(name))
        .to_vec();
    files(&root.join("dist"), &mut present);
    files(&root.join("src"), &mut present);
    let actual: BTreeMap<String, String> = present
        .iter()
        .map(|path| {
            let digest = Sha256::digest(fs::read(path).expect("a file of the playground"));
            let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let name =
                path.strip_prefix(&root).expect("below the playground").to_string_lossy().replace('\\', "/");
            (name, digest)
        })
        .collect();
    assert_eq!(actual, recorded, "{STALE}");
}

#[test]
fn every_built_file_is_embedded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("playground/dist");
    let page = ficus::server::playground::Playground::new("/graphql", false);
    let mut built = Vec::new();
    files(&root.join("playground"), &mut built);
    for path in built {
        let name = format!(
            "/{}",
            path.strip_prefix(&root).expect("below dist").to_string_lossy().replace('\\', "/")
        );
        let response =
            page.respond(&name, &http::HeaderMap::new()).unwrap_or_else(|| panic!("{name} is not embedded"));
        assert_eq!(response.body().as_ref(), fs::read(&path).expect("a built file"), "{name}");
    }
}
