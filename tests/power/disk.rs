//! A small disk of our own, mounted for one test and unmounted with it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// `EXT4_IOC_SHUTDOWN` without a flush of the journal: from here on nothing reaches the disk, as in a power cut.
const CUT: &str = "import fcntl, os, struct, sys
disk = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.readline()
fcntl.ioctl(disk, 0x8004587D, struct.pack('I', 2))
";

pub struct Disk {
    folder: TempDir,
    image: Option<PathBuf>,
}

impl Disk {
    /// An ext4 in a file. `None` where it cannot be had, and that is said.
    pub fn ext4(test: &str) -> Option<Self> {
        let mut disk = Self::folder(test)?;
        let image = disk.folder.path().join("disk");
        fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", text(&image)]).unwrap();
        disk.image = Some(image);
        match disk.mount() {
            Ok(()) => Some(disk),
            Err(why) => not_run(test, &why),
        }
    }

    /// A disk in memory, of so many MiB.
    pub fn tmpfs(test: &str, mib: u32) -> Option<Self> {
        let disk = Self::folder(test)?;
        let size = format!("size={mib}m");
        let mounted = run(
            "mount",
            &["-t", "tmpfs", "-o", &size, "none", text(&disk.path())],
        );
        match mounted {
            Ok(()) => Some(disk),
            Err(why) => not_run(test, &why),
        }
    }

    fn folder(test: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return not_run(test, "needs root");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("mount")).unwrap();
        Some(Self {
            folder,
            image: None,
        })
    }

    fn mount(&self) -> Result<(), String> {
        let image = self.image.as_deref().unwrap();
        let options = "loop,errors=remount-ro";
        run("mount", &["-o", options, text(image), text(&self.path())])
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    /// Gets ready to cut its power.
    pub fn cut(&self) -> Cut {
        let mut hand = Command::new("python3")
            .args(["-c", CUT, text(&self.path())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let said = hand.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Cut(hand)
    }

    /// Power off, and on again: the file system recovers from its own journal.
    pub fn power_on_again(&self) {
        run("umount", &[text(&self.path())]).unwrap();
        self.mount().unwrap();
    }

    /// The kernel finds the file system broken and makes it read-only.
    pub fn fail(&self) {
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let path = self.path();
        let device = mounts
            .lines()
            .rev()
            .find(|line| line.split(' ').nth(1) == Some(text(&path)))
            .and_then(|line| line.split(' ').next())
            .and_then(|device| device.strip_prefix("/dev/"))
            .expect("it is mounted");
        fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "1").unwrap();
    }

    /// A new disk with the old one's content in its place, while somebody may still have files of the old one open.
    pub fn replace(&mut self) {
        run("umount", &["--lazy", text(&self.path())]).unwrap();
        let old = self.image.take().unwrap();
        let new = old.with_extension("new");
        fs::copy(&old, &new).unwrap();
        // 1: there were errors, and they are corrected.
        let check = Command::new("e2fsck")
            .args(["-f", "-y", text(&new)])
            .output()
            .unwrap();
        assert!(check.status.code() <= Some(1), "{check:?}");
        self.image = Some(new);
        self.mount().unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run("umount", &["--lazy", text(&self.path())]);
    }
}

/// A hand at the switch.
pub struct Cut(Child);

impl Cut {
    /// Cuts the power.
    pub fn now(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success(), "the power stayed on");
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

fn not_run<T>(test: &str, why: &str) -> Option<T> {
    // Not by a macro, whose words a test that passes keeps to itself.
    let _ = writeln!(std::io::stderr(), "{test}: not run: {why}");
    None
}
