//! Networks beside Docker's and Podman's: what a bridge adds to a run, and how fast bytes go between
//! the machine, containers, and another machine. The benchmark has a network namespace of its own, in
//! which all engines make what they make.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::engines::{self, Engine};
use super::report::Table;
use super::stage::Stage;
use super::subject::{CommandLine, Running, Subject, container_name};

/// For `--case`.
pub(super) const NAME: &str = "network";

/// How often each speed is measured, for how long.
const RUNS: usize = 3;
const SECONDS: &str = "2";

/// How many bytes go to and fro, one after the other.
const ROUND_TRIPS: usize = 2000;

/// Moves the benchmark into a network of its own: nothing that engines do to theirs is seen outside.
///
/// # Errors
/// When the kernel or ip(8) refuses.
pub(super) fn own_network() -> Result<(), String> {
    sys::unshare::unshare(sys::clone::Namespaces::NET)
        .map_err(|errno| format!("making a network namespace: {errno}"))?;
    ip(&["link", "set", "lo", "up"])
}

fn ip(words: &[&str]) -> Result<(), String> {
    CommandLine::new(["ip"]).and(words).output().map(drop)
}

/// `run --rm` of `true` on a bridge, beside wharf's without a network.
pub(super) fn bridged(stage: &Stage) -> Vec<Subject> {
    let run = |engine: Engine| engine.bridged().and(["--rm", engine.image(), "true"]);
    let wharf = engines::wharf(stage);
    vec![
        Subject::new("wharf, no network", Ok(wharf.run_true())),
        Subject::new("wharf", made(&wharf).map(|()| run(wharf.clone()))),
        Subject::new("podman", stage.podman().map(run)),
        Subject::new("docker", stage.docker().map(run)),
    ]
}

/// wharf's network, which is made once.
fn made(wharf: &Engine) -> Result<(), String> {
    let network = wharf.network();
    let is_there = wharf.verb(["network", "inspect", network]).output().is_ok();
    match is_there {
        true => Ok(()),
        false => wharf
            .verb(["network", "create", network])
            .output()
            .map(drop),
    }
}

/// How fast bytes go with each engine.
pub(super) fn speeds(stage: &Stage) -> Vec<Table> {
    let wharf = engines::wharf(stage);
    let engines = [
        ("wharf", made(&wharf).map(|()| wharf)),
        ("podman", stage.podman()),
        ("docker", stage.docker()),
    ];
    let outside = Outside::new();
    let servers: Vec<(&str, Result<Server, String>)> = (0u16..)
        .zip(engines)
        .map(|(number, (name, engine))| {
            let server = engine.and_then(|engine| Server::start(&engine, 15201 + number));
            (name, server)
        })
        .collect();
    vec![throughput(&servers, &outside), latency(&servers)]
}

/// A machine that is wired to this one: a network namespace. This one is 192.0.2.1 there.
struct Outside(Result<Child, String>);

impl Outside {
    fn new() -> Self {
        let mut holder = Command::new("unshare");
        holder.args(["--net", "sh", "-c", "echo made; exec sleep infinity"]);
        let holder = holder.stdout(Stdio::piped()).spawn();
        let holder = holder.map_err(|error| format!("unshare: {error}"));
        Self(holder.and_then(|mut holder| {
            // The namespace is there as soon as it says something.
            let stdout = holder.stdout.take();
            let heard = stdout.map(|mut stdout| stdout.read_exact(&mut [0; 5]));
            let wired = heard
                .ok_or("it has no output".to_owned())
                .and_then(|heard| heard.map_err(|error| error.to_string()))
                .and_then(|()| wire(holder.id()));
            match wired {
                Ok(()) => Ok(holder),
                Err(why) => {
                    let _ = holder.kill();
                    let _ = holder.wait();
                    Err(why)
                }
            }
        }))
    }

    fn command(&self) -> Result<CommandLine, String> {
        let holder = self.0.as_ref().map_err(Clone::clone)?;
        Ok(on_it(holder.id()))
    }
}

fn on_it(pid: u32) -> CommandLine {
    CommandLine::new(["nsenter".to_owned(), format!("--net=/proc/{pid}/ns/net")])
}

fn wire(pid: u32) -> Result<(), String> {
    let peer = pid.to_string();
    ip(&[
        "link", "add", "outside", "type", "veth", "peer", "name", "outside", "netns", &peer,
    ])?;
    ip(&["addr", "add", "192.0.2.1/24", "dev", "outside"])?;
    ip(&["link", "set", "outside", "up"])?;
    let there = on_it(pid).and(["ip"]);
    there
        .and(["addr", "add", "192.0.2.2/24", "dev", "outside"])
        .output()?;
    there
        .and(["link", "set", "outside", "up"])
        .output()
        .map(drop)
}

impl Drop for Outside {
    fn drop(&mut self) {
        if let Ok(holder) = &mut self.0 {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

/// Two containers of an engine on one bridge; the first one answers iperf3 and echoes.
struct Server {
    address: String,
    /// The published port of the first one.
    port: String,
    /// `exec` in the second one.
    client: CommandLine,
    _running: [Running; 2],
}

impl Server {
    fn start(engine: &Engine, port: u16) -> Result<Self, String> {
        let [first, second] = ["server", "client"].map(container_name);
        let published = format!("{port}:5201");
        let run = |name: &str, flags: &[&str], program: &[&str]| {
            let run = engine.bridged().and(["--detach", "--name", name]);
            // The programs of this machine are in every container.
            let tools = ["/usr", "/lib", "/lib64"].map(|path| format!("--volume={path}:{path}:ro"));
            let run = match engine.image() {
                "host" => run,
                _ => run.and(tools).and(["--tmpfs", "/tmp"]),
            };
            let run = run.and(flags).and([engine.image()]).and(program);
            run.start(engine.verb(["rm", "--force", name]))
        };
        let running = [
            run(&first, &["--publish", &published], &["iperf3", "-s"])?,
            run(&second, &[], &["sleep", "100000"])?,
        ];
        let echo = ["busybox", "nc", "-ll", "-p", "7", "-e", "cat"];
        engine
            .verb(["exec", "--detach", &first])
            .and(echo)
            .output()?;
        let template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = engine.verb(["inspect", "--format", template, &first]);
        let address = address.output()?.trim().to_owned();
        for port in ["5201", "7"] {
            connect(&format!("{address}:{port}"))?;
        }
        Ok(Self {
            address,
            port: port.to_string(),
            client: engine.verb(["exec", &second]),
            _running: running,
        })
    }
}

/// Connects as soon as somebody listens.
fn connect(address: &str) -> Result<TcpStream, String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return Ok(stream),
            Err(_) if Instant::now() < deadline => std::thread::yield_now(),
            Err(error) => return Err(format!("{address}: {error}")),
        }
    }
}

/// Gigabits in a second as iperf3 has them, where it is run by `client`.
fn gigabits(client: &CommandLine, address: &str, port: &str) -> Result<f64, String> {
    let iperf = client.and(["iperf3", "-J", "-t", SECONDS, "-p", port, "-c", address]);
    let report: Value =
        serde_json::from_str(&iperf.output()?).map_err(|error| error.to_string())?;
    let bits = report.pointer("/end/sum_received/bits_per_second");
    let bits = bits.and_then(Value::as_f64);
    bits.map(|bits| bits / 1e9)
        .ok_or_else(|| format!("iperf3 says {report}"))
}

/// From where to where bytes go.
enum Way {
    ToContainer,
    BetweenContainers,
    ThroughPort,
}

const WAYS: [Way; 3] = [Way::ToContainer, Way::BetweenContainers, Way::ThroughPort];

impl Way {
    fn speed(&self, server: &Server, outside: &Outside) -> Result<f64, String> {
        match self {
            Way::ToContainer => gigabits(&CommandLine::new(["env"]), &server.address, "5201"),
            Way::BetweenContainers => gigabits(&server.client, &server.address, "5201"),
            Way::ThroughPort => gigabits(&outside.command()?, "192.0.2.1", &server.port),
        }
    }
}

fn throughput(servers: &[(&str, Result<Server, String>)], outside: &Outside) -> Table {
    let mut measured = vec![[const { Vec::new() }; 3]; servers.len()];
    let mut wrong: Vec<Option<String>> = vec![None; servers.len()];
    // One after the other, so that whatever else the machine does meets all of them.
    for _ in 0..RUNS {
        for (path, way) in WAYS.iter().enumerate() {
            for (number, (_, server)) in servers.iter().enumerate() {
                match server
                    .as_ref()
                    .map_err(Clone::clone)
                    .and_then(|server| way.speed(server, outside))
                {
                    Ok(speed) => measured[number][path].push(speed),
                    Err(why) => wrong[number] = Some(why),
                }
            }
        }
    }
    let cells = |number: usize| match &wrong[number] {
        Some(why) => vec![why.clone(), String::new(), String::new()],
        None => measured[number]
            .iter()
            .map(|speeds| format!("{:.1}", median(speeds)))
            .collect(),
    };
    Table {
        title: "Throughput of a bridge".to_owned(),
        about: format!(
            "iperf3 for {SECONDS} s, one stream of TCP; medians of {RUNS}, all engines in turns. \
             The last column is from another network namespace through a published port."
        ),
        head: [
            "",
            "host to container, Gbit/s",
            "container to container",
            "published port",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: (0..servers.len())
            .map(|number| [vec![servers[number].0.to_owned()], cells(number)].concat())
            .collect(),
        verdicts: Vec::new(),
    }
}

fn latency(servers: &[(&str, Result<Server, String>)]) -> Table {
    let mut times: Vec<Result<Vec<f64>, String>> = servers.iter().map(|_| Ok(Vec::new())).collect();
    for _ in 0..RUNS {
        for ((_, server), times) in servers.iter().zip(&mut times) {
            let measured = server.as_ref().map_err(Clone::clone).and_then(round_trip);
            match (measured, &mut *times) {
                (Ok(time), Ok(times)) => times.push(time),
                (Err(why), times) => *times = Err(why),
                (Ok(_), Err(_)) => {}
            }
        }
    }
    let cell = |times: &Result<Vec<f64>, String>| match times {
        Ok(times) => format!("{:.1}", median(times)),
        Err(why) => why.clone(),
    };
    Table {
        title: "Latency of a bridge".to_owned(),
        about: format!(
            "One byte from the host to a program in a container and back, {ROUND_TRIPS} times over \
             one connection; medians, of {RUNS} such."
        ),
        head: ["", "round trip, µs"].map(str::to_owned).to_vec(),
        rows: servers
            .iter()
            .zip(&times)
            .map(|((name, _), times)| vec![(*name).to_owned(), cell(times)])
            .collect(),
        verdicts: Vec::new(),
    }
}

/// Microseconds of the median round trip.
fn round_trip(server: &Server) -> Result<f64, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = connect(&format!("{}:7", server.address))?;
    stream.set_nodelay(true).map_err(failed)?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .map_err(failed)?;
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let begun = Instant::now();
        stream.write_all(b"x").map_err(failed)?;
        stream.read_exact(&mut [0; 1]).map_err(failed)?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(&times))
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
