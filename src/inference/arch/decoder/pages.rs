//! Who has which page of a cache, wherever the pages themselves lie.

/// The number of a page.
pub type Page = u32;

/// All pages of a cache by number: which are free, and how many sequences have each of the others.
pub struct Pages {
    free: Vec<Page>,
    /// How many sequences have each page.
    users: Vec<u32>,
}

impl Pages {
    /// `count` pages that nobody has.
    pub fn new(count: usize) -> Pages {
        let numbers = 0..Page::try_from(count).expect("a budget of memory has fewer pages than numbers");
        Pages { free: numbers.rev().collect(), users: vec![0; count] }
    }

    /// Pages that nobody has.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// All pages.
    pub fn count(&self) -> usize {
        self.users.len()
    }

    /// A page that nobody had.
    pub fn take(&mut self) -> Option<Page> {
        let page = self.free.pop()?;
        self.users[page as usize] = 1;
        Some(page)
    }

    /// Gives `page` to one more sequence, which must not write to it.
    pub fn share(&mut self, page: Page) {
        self.users[page as usize] += 1;
    }

    /// Takes `page` back from one sequence.
    pub fn release(&mut self, page: Page) {
        let users = &mut self.users[page as usize];
        *users -= 1;
        if *users == 0 {
            self.free.push(page);
        }
    }
}
