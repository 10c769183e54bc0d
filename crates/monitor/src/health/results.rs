//! How a container is, and the last looks at it: the document that `inspect` and `ps` read.

use serde::{Deserialize, Serialize};

/// How many results are kept, as in Docker.
const KEPT: usize = 5;

/// How a container is: the document `health.json`, with Docker's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Health {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last results, the oldest first.
    pub log: Vec<HealthResult>,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthResult {
    /// When it began.
    pub start: String,
    /// When it was over.
    pub end: String,
    /// 0 for well.
    pub exit_code: i32,
    /// What was said.
    pub output: String,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            status: "starting".to_owned(),
            failing_streak: 0,
            log: Vec::new(),
        }
    }
}

impl Health {
    /// Takes in a result; true when it has just become unhealthy.
    pub(super) fn take(&mut self, result: HealthResult, counts: bool, retries: u32) -> bool {
        let is_well = result.exit_code == 0;
        self.log.push(result);
        if self.log.len() > KEPT {
            self.log.remove(0);
        }
        if is_well {
            self.failing_streak = 0;
            "healthy".clone_into(&mut self.status);
            return false;
        }
        if !counts {
            return false;
        }
        self.failing_streak += 1;
        let falls = self.failing_streak >= retries && self.status != "unhealthy";
        if falls {
            "unhealthy".clone_into(&mut self.status);
        }
        falls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(exit_code: i32) -> HealthResult {
        HealthResult {
            start: String::new(),
            end: String::new(),
            exit_code,
            output: String::new(),
        }
    }

    #[test]
    fn so_many_failures_in_a_row_make_it_unhealthy_and_one_success_makes_it_well() {
        let mut health = Health::default();
        assert!(!health.take(result(1), false, 2));
        assert_eq!(
            (health.status.as_str(), health.failing_streak),
            ("starting", 0)
        );
        assert!(!health.take(result(1), true, 2));
        assert!(health.take(result(1), true, 2));
        assert_eq!(health.status, "unhealthy");
        assert!(!health.take(result(1), true, 2), "it became so already");
        health.take(result(0), true, 2);
        assert_eq!(
            (health.status.as_str(), health.failing_streak),
            ("healthy", 0)
        );
        for _ in 0..9 {
            health.take(result(0), true, 2);
        }
        assert_eq!(health.log.len(), KEPT);
    }
}
