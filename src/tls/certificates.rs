//! Certificates for tests, made by `openssl`.

use std::path::Path;
use std::process::Command;

fn openssl(folder: &Path, line: &str) {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    run_in(folder, "openssl", &arguments);
}

pub(crate) fn run_in(folder: &Path, program: &str, arguments: &[&str]) {
    let done = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output();
    let done = done.unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    let text = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {arguments:?}: {text}");
}

/// `<name>.pem` and `<name>.key` of a new CA.
pub(crate) fn authority(folder: &Path, name: &str) {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ),
    );
}

/// `<name>.pem` and `<name>.key` for `host`, signed by the CA `ca`.
pub(crate) fn certificate(folder: &Path, name: &str, host: &str) {
    std::fs::write(folder.join("san"), format!("subjectAltName={host}\n")).unwrap();
    openssl(
        folder,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=device -keyout {name}.key -out {name}.csr"
        ),
    );
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -extfile san -out {name}.pem"
        ),
    );
}

/// As [`certificate`], valid between two times (`YYYYMMDDHHMMSSZ`).
pub(crate) fn until(folder: &Path, name: &str, host: &str, from: &str, to: &str) {
    certificate(folder, name, host);
    let config = "[ca]\ndefault_ca=this\n[this]\ndatabase=index\nserial=serial\nnew_certs_dir=.\npolicy=any\ndefault_md=sha256\nunique_subject=no\n[any]\ncommonName=supplied\n";
    std::fs::write(folder.join("ca.conf"), config).unwrap();
    std::fs::write(folder.join("index"), "").unwrap();
    std::fs::write(folder.join("index.attr"), "").unwrap();
    std::fs::write(folder.join("serial"), "10").unwrap();
    openssl(
        folder,
        &format!(
            "ca -batch -config ca.conf -cert ca.pem -keyfile ca.key -in {name}.csr -out {name}.pem -notext -extfile san -startdate {from} -enddate {to}"
        ),
    );
}
