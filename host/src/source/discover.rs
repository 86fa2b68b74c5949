//! Which files a path stands for: itself, all in a folder, or those that a glob matches.
//!
//! A path that exists is taken as it stands, whatever characters it has. Otherwise `*` and `?` match within a name, `**`
//! matches folders of any depth, `{a,b}` either, `[a-z]` one of a range; a folder that a glob matches stands for all in
//! it. In folders and globs, names are left out that start with `.` or `_` or end in `.tmp`, of files and folders
//! alike: that is how others mark what is not finished. A file that is named directly is always read.
//!
//! Invariant: the answer is sorted by path and names each path once; links are followed, but a folder is read once, by
//! whichever way comes first, so a link that leads back to a folder above it adds nothing.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::WalkDir;

use super::SourceError;

/// Finds the files of one source, again and again.
#[derive(Debug)]
pub(super) struct Finder {
    source_name: String,
    path: PathBuf,
    glob: Option<Glob>,
}

#[derive(Debug)]
struct Glob {
    /// The folder in front of the first name with a special character.
    base: PathBuf,
    /// Matches what comes behind it.
    matcher: GlobMatcher,
    /// How many folders deep a match can be.
    depth: usize,
}

/// Folders that were seen, by device and inode.
type Seen = HashSet<(u64, u64)>;

/// What becomes of files that go away while one looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vanished {
    /// A link to nothing is an error.
    Fail,
    /// Files come and go.
    Ignore,
}

impl Finder {
    /// A finder for `path`, as it stands in a URL.
    pub(super) fn new(source_name: &str, path: &str) -> Result<Finder, SourceError> {
        let finder = Finder { source_name: source_name.to_owned(), path: PathBuf::from(path), glob: None };
        if !path.contains(['*', '?', '[', '{']) || finder.path.exists() {
            return Ok(finder);
        }
        let glob = Glob::parse(path).map_err(|error| SourceError::Url {
            source_name: source_name.to_owned(),
            problem: format!("`{path}` is not a glob: {}", error.kind()),
        })?;
        Ok(Finder { glob: Some(glob), ..finder })
    }

    /// The path as it was given.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The error where there are no files.
    pub(super) fn no_files(&self) -> SourceError {
        let problem = match &self.glob {
            Some(_) => "no file matches; names that start with `.` or `_` or end in `.tmp` are left out",
            None if self.path.is_dir() => {
                "no file in this folder; names that start with `.` or `_` or end in `.tmp` are left out"
            }
            None => "there is no such file or folder",
        };
        let path = self.path.display().to_string();
        SourceError::NoFiles { source_name: self.source_name.clone(), path, problem }
    }

    /// The files that there are now.
    pub(super) fn list(&self, vanished: Vanished) -> Result<BTreeSet<PathBuf>, SourceError> {
        let mut files = BTreeSet::new();
        match &self.glob {
            Some(glob) => self.list_glob(glob, vanished, &mut files)?,
            None => match self.path.metadata() {
                Ok(found) if found.is_dir() => self.list_folder(&self.path, vanished, &mut Seen::new(), &mut files)?,
                Ok(_) => {
                    files.insert(self.path.clone());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.open_error(&self.path, error)),
            },
        }
        Ok(files)
    }

    fn list_folder(
        &self,
        folder: &Path,
        vanished: Vanished,
        seen: &mut Seen,
        files: &mut BTreeSet<PathBuf>,
    ) -> Result<(), SourceError> {
        self.walk(folder, usize::MAX, vanished, seen, |entry| {
            if entry.file_type().is_file() {
                files.insert(entry.into_path());
            }
        })
    }

    fn list_glob(&self, glob: &Glob, vanished: Vanished, files: &mut BTreeSet<PathBuf>) -> Result<(), SourceError> {
        let mut folders = Vec::new();
        self.walk(&glob.base, glob.depth, vanished, &mut Seen::new(), |entry| {
            let Some(rest) = entry.path().strip_prefix(&glob.base).ok().filter(|rest| glob.matcher.is_match(rest))
            else {
                return;
            };
            let path = if glob.base == Path::new(".") { rest.to_owned() } else { entry.path().to_owned() };
            if entry.file_type().is_dir() {
                folders.push(path);
            } else if entry.file_type().is_file() {
                files.insert(path);
            }
        })?;
        let mut seen = Seen::new();
        folders.iter().try_for_each(|folder| self.list_folder(folder, vanished, &mut seen, files))
    }

    /// Visits what is below `root`, itself not included, and at most `depth` folders deep, but for folders that were
    /// seen before.
    fn walk(
        &self,
        root: &Path,
        depth: usize,
        vanished: Vanished,
        seen: &mut Seen,
        mut visit: impl FnMut(walkdir::DirEntry),
    ) -> Result<(), SourceError> {
        if !root.metadata().map_or(true, |found| seen.insert((found.dev(), found.ino()))) {
            return Ok(());
        }
        let entries = WalkDir::new(root).follow_links(true).sort_by_file_name().min_depth(1).max_depth(depth);
        let is_news = |entry: &walkdir::DirEntry| {
            is_visible(entry.file_name().as_encoded_bytes())
                && (!entry.file_type().is_dir()
                    || entry.metadata().map_or(true, |found| seen.insert((found.dev(), found.ino()))))
        };
        for entry in entries.into_iter().filter_entry(is_news) {
            match entry {
                Ok(entry) => visit(entry),
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) => {
                    let missing = error.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound);
                    if missing && (vanished == Vanished::Ignore || error.depth() == 0) {
                        continue;
                    }
                    let path = error.path().unwrap_or(root).to_owned();
                    return Err(self.open_error(&path, error.into()));
                }
            }
        }
        Ok(())
    }

    fn open_error(&self, path: &Path, error: io::Error) -> SourceError {
        SourceError::Open { source_name: self.source_name.clone(), path: path.to_owned(), error }
    }
}

impl Glob {
    fn parse(path: &str) -> Result<Glob, globset::Error> {
        let path = path.trim_end_matches('/');
        let special = path.find(['*', '?', '[', '{']).unwrap_or(path.len());
        let (base, pattern) = match path[..special].rfind('/') {
            Some(0) => ("/", &path[1..]),
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (".", path),
        };
        let depth = if pattern.contains("**") { usize::MAX } else { pattern.matches('/').count() + 1 };
        let matcher = GlobBuilder::new(pattern).literal_separator(true).build()?.compile_matcher();
        Ok(Glob { base: PathBuf::from(base), matcher, depth })
    }
}

fn is_visible(name: &[u8]) -> bool {
    !name.starts_with(b".") && !name.starts_with(b"_") && !name.ends_with(b".tmp")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("has a folder")).expect("made");
            fs::write(path, "x\n").expect("written");
        }
        folder
    }

    fn found(root: &Path, path: &str) -> Vec<String> {
        let finder = Finder::new("s", &format!("{}/{path}", root.display())).expect("a path");
        let files = finder.list(Vanished::Fail).expect("can be listed");
        files.iter().map(|f| f.strip_prefix(root).expect("below the root").display().to_string()).collect()
    }

    #[test]
    fn folders_are_read_with_their_folders_in_the_order_of_paths() {
        let root =
            tree(&["b.txt", "a/z.txt", "a/b/c.txt", "a.txt", "_SUCCESS", ".hidden", "x.tmp", "_temp/y", ".git/z"]);
        assert_eq!(found(root.path(), ""), ["a/b/c.txt", "a/z.txt", "a.txt", "b.txt"]);
    }

    #[test]
    fn what_is_hidden_is_read_when_it_is_named() {
        let root = tree(&["_part", ".dot", "x.tmp", "_dir/a", "_dir/.b"]);
        for name in ["_part", ".dot", "x.tmp"] {
            assert_eq!(found(root.path(), name), [name]);
        }
        assert_eq!(found(root.path(), "_dir"), ["_dir/a"]);
        assert_eq!(found(root.path(), "*"), [""; 0]);
    }

    #[test]
    fn globs_match_as_a_shell_does() {
        let root = tree(&["a1.txt", "a2.txt", "a10.txt", "b.csv", "d1/x.txt", "d2/y.txt", "d2/e/z.txt", "_h/q.txt"]);
        let check = |glob: &str, expected: &[&str]| assert_eq!(found(root.path(), glob), expected, "{glob}");
        check("*.txt", &["a1.txt", "a10.txt", "a2.txt"]);
        check("a?.txt", &["a1.txt", "a2.txt"]);
        check("a[2-9].txt", &["a2.txt"]);
        check("{a1,b}.{txt,csv}", &["a1.txt", "b.csv"]);
        check("*/*.txt", &["d1/x.txt", "d2/y.txt"]);
        check("**/*.txt", &["a1.txt", "a10.txt", "a2.txt", "d1/x.txt", "d2/e/z.txt", "d2/y.txt"]);
        check("d{1,2/e}/*", &["d1/x.txt", "d2/e/z.txt"]);
        check("d*", &["d1/x.txt", "d2/e/z.txt", "d2/y.txt"]);
        check("d2/**", &["d2/e/z.txt", "d2/y.txt"]);
        check("**/d*.txt", &[]);
        check("{d2,d2/e}", &["d2/e/z.txt", "d2/y.txt"]);
        check("nothing*", &[]);
        check("nowhere/*.txt", &[]);
    }

    #[test]
    fn a_path_that_exists_is_taken_as_it_stands() {
        let root = tree(&["a[1].txt", "a1.txt", "what?", "whats"]);
        assert_eq!(found(root.path(), "a[1].txt"), ["a[1].txt"]);
        assert_eq!(found(root.path(), "what?"), ["what?"]);
    }

    #[test]
    fn links_are_followed_but_not_in_circles() {
        let root = tree(&["a/x.txt", "elsewhere/y.txt"]);
        std::os::unix::fs::symlink(root.path(), root.path().join("a/up")).expect("linked");
        std::os::unix::fs::symlink(root.path().join("elsewhere"), root.path().join("a/in")).expect("linked");
        assert_eq!(found(root.path(), "a"), ["a/in/y.txt", "a/x.txt"]);
    }

    #[test]
    fn a_link_to_nothing_is_named_unless_files_may_go() {
        let root = tree(&["x.txt"]);
        std::os::unix::fs::symlink("gone", root.path().join("dead")).expect("linked");
        let finder = Finder::new("s", &root.path().display().to_string()).expect("a path");
        let error = finder.list(Vanished::Fail).expect_err("a link is dead").to_string();
        assert!(error.contains("/dead: "), "{error}");
        assert_eq!(finder.list(Vanished::Ignore).expect("goes on").len(), 1);
    }

    #[test]
    fn a_bad_glob_is_refused() {
        let error = Finder::new("s", "/nowhere/{a").expect_err("not closed").to_string();
        assert!(error.contains("`/nowhere/{a` is not a glob"), "{error}");
    }
}
