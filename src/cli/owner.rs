//! Root alone drops to the owner of the data folder, so that no file in it ends up belonging to root.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Takes on the owner of `data` if this is root and the folder belongs to somebody else. Called before any thread
/// exists: the kernel keeps these ids per thread.
pub fn become_owner_of(data: &Path) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let Ok(folder) = std::fs::metadata(data) else { return Ok(()) };
    if folder.uid() == 0 {
        return Ok(());
    }
    let (user, group) = (rustix::process::Uid::from_raw(folder.uid()), rustix::process::Gid::from_raw(folder.gid()));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(group, group, group)?;
    rustix::thread::set_thread_res_uid(user, user, user)?;
    Ok(())
}
