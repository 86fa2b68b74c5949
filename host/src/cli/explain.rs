//! `wasmstream explain`: what a code means and what to do about it.

use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{Output, print, print_json};
use crate::explain::{Code, Entry, GROUPS, TOPICS, entries, entry, nearest, topic};

/// Say what an error code means and what to do about it
#[derive(clap::Args, Debug)]
pub(super) struct ExplainArgs {
    /// A code such as SOURCE_URL, or a topic such as exit-codes; without it, all are listed
    code: Option<String>,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let Some(code) = &args.code else { return list(args.output) };
    // A code may be copied with what stands around it: `error[SOURCE_URL]:`.
    let word = code.trim().trim_end_matches(':').trim_start_matches("error").trim_matches(['[', ']']);
    match (entry(word), topic(word), args.output) {
        (Some(entry), _, Output::Text) => print(&entry_text(entry)),
        (Some(entry), _, Output::Json) => print_json(&entry_json(entry)),
        (_, Some(topic), Output::Text) => print(&format!("{}\n\n{}", topic.title, topic.text)),
        (_, Some(topic), Output::Json) => {
            print_json(&json!({ "topic": topic.name, "title": topic.title, "text": topic.text }))
        }
        (None, None, _) => {
            let known = entries().map(|entry| entry.code).chain(TOPICS.iter().map(|topic| topic.name));
            let fix = match nearest(word, known) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "`wasmstream explain` lists all codes and topics".to_owned(),
            };
            Err(Failure::new(Code("UNKNOWN_CODE"), format!("there is no code or topic `{word}`")).help(fix))
        }
    }
}

fn entry_text(entry: &Entry) -> String {
    let Entry { code, exit, title, meaning, why, example, fix } = entry;
    let mut text = format!("{code}: {title}\n");
    for (heading, paragraph) in [("What it means", meaning), ("Why", why), ("Example", example), ("What to do", fix)] {
        text += &format!("\n{heading}\n{}\n", wrap(paragraph));
    }
    text + &format!("\nExit code: {exit} (`wasmstream explain exit-codes`)")
}

fn entry_json(entry: &Entry) -> Value {
    let Entry { code, exit, title, meaning, why, example, fix } = entry;
    json!({ "code": code, "exit": exit, "title": title, "meaning": meaning, "why": why, "example": example, "fix": fix })
}

/// Fills lines of at most 80 columns, indented by two. A word is never cut: commands must survive being copied.
fn wrap(text: &str) -> String {
    const COLUMNS: usize = 80;
    let mut lines = vec![String::from(" ")];
    for word in text.split(' ') {
        if lines.last().is_some_and(|line| line.len() > 1 && line.chars().count() + 1 + word.chars().count() > COLUMNS)
        {
            lines.push(String::from(" "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}

fn list(output: Output) -> Result<(), Failure> {
    if output == Output::Json {
        let codes: Vec<Value> = entries().map(entry_json).collect();
        let topics: Vec<Value> = TOPICS.iter().map(|t| json!({ "topic": t.name, "title": t.title })).collect();
        return print_json(&json!({ "codes": codes, "topics": topics }));
    }
    let width = entries().map(|entry| entry.code.len()).max().unwrap_or_default();
    let mut text = String::new();
    for group in GROUPS {
        text += &format!("{}\n", group.title);
        for entry in group.entries {
            text += &format!("  {:width$}  {}\n", entry.code, entry.title);
        }
        text += "\n";
    }
    text += "Topics\n";
    for topic in TOPICS {
        text += &format!("  {:width$}  {}\n", topic.name, topic.title);
    }
    print(&(text + "\n`wasmstream explain CODE` tells more about one."))
}
