//! The configuration itself is what is wrong, or waits.

use std::process::Output;

use super::*;

/// The configuration file of a plant.
fn file(plant: &Plant) -> std::path::PathBuf {
    plant.gateway.folder.path().join("gateway.toml")
}

/// `tracegate reload`, as a technician gives it: by the file alone.
async fn reload(plant: &Plant) -> Output {
    let config = file(plant);
    let asked = spawn_blocking(move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tracegate"));
        command.args(["reload", "--config"]).arg(config);
        command.output().unwrap()
    });
    asked.await.unwrap()
}

#[tokio::test]
async fn a_file_with_errors_is_rejected_and_then_not_started_with() {
    let mut plant = Plant::start(SimReaderConfig::default()).await;
    shows_nothing(&plant.gateway).await;
    let good = fs::read_to_string(file(&plant)).unwrap();
    fs::write(file(&plant), good.replace("host = ", "hots = ")).unwrap();
    assert_eq!(reload(&plant).await.status.code(), Some(78));
    shows(&plant.gateway, "CONFIG-REJECTED", "gateway").await;
    assert!(plant.gateway.stop().success());
    plant.gateway.start();
    shows(&plant.gateway, "CONFIG-LAST-GOOD", "gateway").await;
    fs::write(file(&plant), good).unwrap();
    assert_eq!(reload(&plant).await.status.code(), Some(0));
    shows_nothing(&plant.gateway).await;
}

/// Also where the way to the gateway itself waits: commands find it by its signpost.
#[tokio::test]
async fn what_waits_is_told_until_the_restart_or_until_it_is_undone() {
    let mut plant = Plant::start(SimReaderConfig::default()).await;
    shows_nothing(&plant.gateway).await;
    let old = fs::read_to_string(file(&plant)).unwrap();
    let socket = plant.gateway.folder.path().join("other.sock");
    let new = format!("{old}[control]\nsocket = {socket:?}\n[log]\nlevel = \"debug\"\n");
    fs::write(file(&plant), &new).unwrap();
    let told = reload(&plant).await;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains("`control.socket` waits for a restart"),
        "{told}"
    );
    shows(&plant.gateway, "CONFIG-WAITS", "gateway").await;
    let config = file(&plant).display().to_string();
    let doctor = spawn_blocking(move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tracegate"));
        command
            .args(["doctor", "--config", &config])
            .output()
            .unwrap()
    });
    let doctor = doctor.await.unwrap();
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    let words = "has settings that wait for a restart: `control.socket`, `log.level`";
    assert!(doctor.contains(words), "{doctor}");
    assert!(doctor.contains("systemctl restart tracegate"), "{doctor}");

    fs::write(file(&plant), &old).unwrap();
    assert_eq!(reload(&plant).await.status.code(), Some(0));
    shows_nothing(&plant.gateway).await;

    fs::write(file(&plant), &new).unwrap();
    assert_eq!(reload(&plant).await.status.code(), Some(0));
    shows(&plant.gateway, "CONFIG-WAITS", "gateway").await;
    assert!(plant.gateway.stop().success());
    plant.gateway.start();
    shows_nothing(&plant.gateway).await;
    assert!(socket.exists());
}
