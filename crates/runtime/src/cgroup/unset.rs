//! What stands in `resources` and asks for nothing: engines write every key and mean those that are
//! not zero and not empty (`docker update` does), as runc reads them.

use spec::runtime::LinuxResources;

/// The same without limits of zero, which no container could live under.
pub(super) fn without(resources: &LinuxResources) -> LinuxResources {
    let mut resources = resources.clone();
    if let Some(memory) = &mut resources.memory {
        let limits = [
            &mut memory.limit,
            &mut memory.reservation,
            &mut memory.swap,
            &mut memory.kernel,
            &mut memory.kernel_tcp,
        ];
        limits.into_iter().for_each(drop_zero);
    }
    if let Some(cpu) = &mut resources.cpu {
        let unsigned = [&mut cpu.shares, &mut cpu.period, &mut cpu.realtime_period];
        unsigned.into_iter().for_each(drop_zero);
        let signed = [&mut cpu.quota, &mut cpu.realtime_runtime];
        signed.into_iter().for_each(drop_zero);
        for list in [&mut cpu.cpus, &mut cpu.mems] {
            *list = list.take().filter(|list| !list.is_empty());
        }
    }
    resources
}

fn drop_zero<T: Default + PartialEq>(limit: &mut Option<T>) {
    *limit = limit.take().filter(|limit| *limit != T::default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_update_sends_changes_what_it_names_alone() {
        let text = r#"{"memory": {"limit": 9, "reservation": 0, "swap": -1, "kernel": 0},
            "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": "", "mems": "0"}}"#;
        let resources: LinuxResources = serde_json::from_str(text).unwrap();
        let text = r#"{"memory": {"limit": 9, "swap": -1}, "cpu": {"mems": "0"}}"#;
        let expected: LinuxResources = serde_json::from_str(text).unwrap();
        assert_eq!(without(&resources), expected);
    }
}
