//! Sessions of users: how many events each had, until the user has been away for a while.

use std::time::Duration;

use serde::Deserialize;
use wasmstream::prelude::*;

/// A line of the source, such as `{"user": "ada", "page": "/home"}`. What the job does not need it does not name.
///
/// `Record` makes it data that can be sent from operator to operator; `Deserialize` reads it from JSON.
#[derive(Record, Deserialize, Clone)]
pub struct Event {
    user: String,
    page: String,
}

/// What is kept under each user while the session lasts.
///
/// This type is stored in checkpoints. When you change it, give a new field a default, or make it an `Option`; the
/// state of a running job is then taken over.
#[derive(State, Clone, Default)]
pub struct Session {
    /// Batch time of the first event, in milliseconds since 1970.
    started: i64,
    events: u64,
    last_page: String,
}

/// A session that has ended.
#[derive(Record, Clone, Debug, PartialEq)]
pub struct Ended {
    user: String,
    started: i64,
    events: u64,
    last_page: String,
}

/// A user who was away for this long starts a new session.
pub const AWAY: Duration = Duration::from_secs(30 * 60);

/// The job: `events` in, `sessions` out, a row for each session that has ended.
#[wasmstream::job]
pub fn job(j: &mut Job) {
    // Whoever runs the job may change a setting. It is read inside of operators, with `get`.
    let shortest = j.setting("shortest-session", 1_u64);

    // A line that is no such JSON is a failed record. What happens to it is for the configuration to say.
    j.source("events")
        .json::<Event>()
        // A shuffle follows: all events of a user come together, wherever they were read.
        .key_by("user", |event| event.user.clone())
        .map_with_state::<Session, Ended>(
            "session",
            Timeout::after(AWAY),
            move |user, event, state, out| match event {
                Some(event) => {
                    let now = out.batch_time();
                    let session = state.get_or_insert_with(|| Session {
                        started: now,
                        ..Session::default()
                    });
                    session.events += 1;
                    session.last_page = event.page;
                }
                // The timeout: one last call, without an event. The state is removed after it.
                None => {
                    if let Some(session) = state.get().filter(|s| s.events >= shortest.get()) {
                        out.emit(Ended {
                            user: user.to_owned(),
                            started: session.started,
                            events: session.events,
                            last_page: session.last_page.clone(),
                        });
                    }
                }
            },
        )
        .sink("sessions");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(user: &str, page: &str) -> String {
        format!(r#"{{"user": "{user}", "page": "{page}", "browser": "any"}}"#)
    }

    #[test]
    fn a_session_ends_when_the_user_has_been_away() {
        let mut test = TestJob::new(job);
        test.feed("events", [event("ada", "/"), event("ada", "/docs")])
            .batch();
        assert!(test.rows::<Ended>("sessions").is_empty());
        assert_eq!(test.states("session").len(), 1);

        // Time passes when the test says so.
        test.advance(AWAY).batch();
        let ended = Ended {
            user: "ada".into(),
            started: 0,
            events: 2,
            last_page: "/docs".into(),
        };
        assert_eq!(test.rows::<Ended>("sessions"), [ended]);
        assert!(test.states("session").is_empty());
    }

    #[test]
    fn short_sessions_can_be_left_out() {
        let mut test = TestJob::with_settings(job, &[("shortest-session", "2")]);
        test.feed("events", [event("ada", "/")])
            .batch()
            .advance(AWAY)
            .batch();
        assert!(test.rows::<Ended>("sessions").is_empty());
    }

    #[test]
    fn a_line_that_is_no_event_fails_alone() {
        let mut test = TestJob::new(job);
        test.feed("events", [event("ada", "/"), "{}".to_owned()])
            .batch();
        assert_eq!(test.failures().len(), 1);
        assert_eq!(test.states("session").len(), 1);
    }
}
