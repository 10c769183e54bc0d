//! Measuring several subjects in turn, and what is said of the times: medians, 95th percentiles,
//! and ratios pair by pair, because the machine's speed drifts.

use std::time::Duration;

use super::subject::Subject;

/// Runs of each subject that are not counted, first.
const WARM_UP: usize = 2;

/// How to measure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Counted runs of each subject.
    pub(super) runs: usize,
    /// How many runs of one subject follow each other before it is the next one's turn.
    pub(super) in_a_row: usize,
    /// Waited before every run.
    pub(super) pause: Duration,
}

/// What was measured of one subject.
pub(super) struct Timed {
    pub(super) name: &'static str,
    /// Or why there is nothing.
    pub(super) times: Result<Times, String>,
}

/// The times of one subject in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// Every run, sorted.
    all: Vec<f64>,
    /// The median of each round, in order.
    rounds: Vec<f64>,
}

/// Measures all subjects in rounds, each in its turn.
pub(super) fn interleave(subjects: Vec<Subject>, plan: Plan) -> Vec<Timed> {
    let mut timed: Vec<Timed> = subjects
        .iter()
        .map(|subject| Timed {
            name: subject.name,
            times: warm_up(subject),
        })
        .collect();
    for _ in 0..plan.runs.div_ceil(plan.in_a_row) {
        for (subject, timed) in subjects.iter().zip(&mut timed) {
            let Ok(times) = &mut timed.times else {
                continue;
            };
            if let Err(why) = times.add_round(subject, plan) {
                timed.times = Err(why);
            }
        }
    }
    for times in timed
        .iter_mut()
        .filter_map(|timed| timed.times.as_mut().ok())
    {
        times.all.sort_by(f64::total_cmp);
    }
    timed
}

fn warm_up(subject: &Subject) -> Result<Times, String> {
    let work = subject.work.as_ref().map_err(Clone::clone)?;
    for _ in 0..WARM_UP {
        work.time().map_err(|why| format!("fails: {why}"))?;
    }
    Ok(Times::default())
}

impl Times {
    fn add_round(&mut self, subject: &Subject, plan: Plan) -> Result<(), String> {
        let work = subject.work.as_ref().map_err(Clone::clone)?;
        let mut round = Vec::with_capacity(plan.in_a_row);
        for _ in 0..plan.in_a_row {
            std::thread::sleep(plan.pause);
            let time = work.time();
            let time = time.map_err(|why| format!("fails in run {}: {why}", self.all.len()))?;
            round.push(time.as_secs_f64() * 1000.0);
        }
        self.all.extend(&round);
        round.sort_by(f64::total_cmp);
        self.rounds.push(percentile(&round, 50));
        Ok(())
    }

    pub(super) fn median(&self) -> f64 {
        percentile(&self.all, 50)
    }

    pub(super) fn percentile_95(&self) -> f64 {
        percentile(&self.all, 95)
    }

    /// How many times as long as `other`: the median over the rounds of their ratios.
    pub(super) fn ratio_to(&self, other: &Times) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        let mut ratios: Vec<f64> = pairs.map(|(own, other)| own / other).collect();
        ratios.sort_by(f64::total_cmp);
        percentile(&ratios, 50)
    }
}

/// The value that so many per cent of the sorted values do not exceed; the mean of the two in the
/// middle for the median of an even number. 0 of nothing.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let last = match sorted.len() {
        0 => return 0.0,
        length => length - 1,
    };
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    if percent == 50 {
        return f64::midpoint(at(last / 2), at(last.div_ceil(2)));
    }
    at((last * percent).div_ceil(100))
}

#[cfg(test)]
mod tests {
    use super::super::subject::CommandLine;
    use super::*;

    #[test]
    fn percentiles_of_small_samples() {
        assert!((percentile(&[], 50) - 0.0).abs() < f64::EPSILON);
        assert!((percentile(&[1.0, 2.0, 4.0], 50) - 2.0).abs() < f64::EPSILON);
        assert!((percentile(&[1.0, 2.0, 4.0, 8.0], 50) - 3.0).abs() < f64::EPSILON);
        assert!((percentile(&[1.0, 2.0, 4.0, 8.0], 95) - 8.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_ratio_pairs_the_rounds() {
        let of = |rounds: &[f64]| Times {
            all: Vec::new(),
            rounds: rounds.to_vec(),
        };
        // The machine got ten times slower on the way; each pair tells the truth all the same.
        let ratio = of(&[2.0, 20.0, 20.0]).ratio_to(&of(&[1.0, 10.0, 10.0]));
        assert!((ratio - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_subject_that_fails_is_told_and_the_others_go_on() {
        let subjects = vec![
            Subject::new("bad", Ok(CommandLine::new(["false"]))),
            Subject::new("absent", Err("is not installed".to_owned())),
            Subject::new("good", Ok(CommandLine::new(["true"]))),
        ];
        let plan = Plan {
            runs: 3,
            in_a_row: 2,
            pause: Duration::ZERO,
        };
        let timed = interleave(subjects, plan);
        let why = |index: usize| timed[index].times.as_ref().unwrap_err().as_str();
        assert_eq!(why(0), "fails: exit status: 1");
        assert_eq!(why(1), "is not installed");
        let good = timed[2].times.as_ref().unwrap();
        assert_eq!((good.all.len(), good.rounds.len()), (4, 2));
        assert!(good.median() > 0.0 && good.percentile_95() >= good.median());
    }
}
