//! Work dealt out to the cores.

use rayon::prelude::*;

/// How many cores there are to deal to.
pub fn count() -> usize {
    rayon::current_num_threads()
}

/// Runs `work` for each of `0..tasks`, on all cores where there are several tasks. Returns when all are done.
pub fn share(tasks: usize, work: impl Fn(usize) + Sync + Send) {
    if tasks <= 1 || count() == 1 {
        (0..tasks).for_each(work);
    } else {
        (0..tasks).into_par_iter().with_max_len(1).for_each(work);
    }
}

/// Runs `work` on groups of the rows of `data`, each `width` long, on all cores where there are many rows. It gets the
/// number of its first row.
pub fn by_rows(data: &mut [f32], width: usize, work: impl Fn(usize, &mut [f32]) + Sync + Send) {
    /// Fewer rows are not worth another core.
    const ROWS_MIN: usize = 8;
    let rows = data.len() / width;
    if rows < ROWS_MIN {
        return work(0, data);
    }
    let each = rows.div_ceil(count());
    data.par_chunks_mut(each * width).enumerate().for_each(|(index, rows)| work(index * each, rows));
}

/// A pointer that tasks write through, each to places of its own.
#[derive(Clone, Copy)]
pub struct Shared<T>(*mut T);

// SAFETY: the pointer is only a number until it is used, and who uses it promises that no two tasks write one place.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn new(slice: &mut [T]) -> Shared<T> {
        Shared(slice.as_mut_ptr())
    }

    /// The part of the slice that begins at `at`.
    ///
    /// # Safety
    /// It lies within the slice, the slice is still borrowed for writing, and no other task has an overlapping part.
    #[expect(clippy::mut_from_ref, reason = "that no two parts overlap is the caller's promise")]
    pub unsafe fn part(&self, at: usize, length: usize) -> &mut [T] {
        // SAFETY: promised by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(at), length) }
    }

    /// The address of the element `at`.
    ///
    /// # Safety
    /// It lies within the slice.
    pub unsafe fn at(&self, at: usize) -> *mut T {
        // SAFETY: promised by the caller.
        unsafe { self.0.add(at) }
    }
}
