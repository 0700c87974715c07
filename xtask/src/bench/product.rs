//! The sections measured on the product's binary as a shop owner runs it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;

use super::Bench;
use super::child::{Running, Took, measure};
use crate::checks::machine::free_port;

/// Runs of what is measured more than once; the middle one counts.
const RUNS: usize = 3;
/// How long the demo rests before its memory is read.
const IDLE_FOR: Duration = Duration::from_secs(10);
/// Products of the catalogues whose memory is measured.
const CATALOGUES: [usize; 3] = [1_000, 10_000, 100_000];
const EXCERPT: &str = "crates/shopwright/demo/online_retail_excerpt.csv.gz";
/// The crates of the house, whose share of a cold build is told apart.
const HOUSE: &str = "crates";

impl Bench<'_> {
    pub(super) fn import(&self) -> Result<String> {
        let excerpt = self.machine.root.join(EXCERPT);
        let (file, what) = if let Some(file) = self.data {
            (file.canonicalize().context("cannot find --data")?, "the file given with `--data`")
        } else {
            println!("no --data: the demo's excerpt is imported, not the published file");
            (excerpt, "the demo's excerpt of the Online Retail file (the whole file was not given)")
        };
        let lines = lines(&file)?.saturating_sub(1);
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let folder = tempfile::tempdir_in(self.data_folder()?)?;
            let mut command = self.shopwright(folder.path());
            runs.push(measure(command.args(["import", "online-retail"]).arg(&file))?);
        }
        runs.sort_by_key(|run| run.time);
        let Took { time, .. } = runs[RUNS / 2];
        let peak_kib = runs.iter().map(|run| run.peak_kib).max().unwrap_or(0);
        let seconds = time.as_secs_f64();
        Ok(format!(
            "{lines} order lines, {what}, into a new embedded ledger; median of {RUNS} runs.\n\n\
             | | measured | target for 541,909 lines |\n|---|--:|--:|\n\
             | time | {seconds:.2} s | ≤ 15 s |\n| lines a second | {:.0} | ≥ 36,127 |\n\
             | peak resident memory | {} MB | ≤ 400 MB |",
            f64::from(u32::try_from(lines)?) / seconds,
            megabytes(peak_kib),
        ))
    }

    pub(super) fn start(&self) -> Result<String> {
        let folder = tempfile::tempdir_in(self.data_folder()?)?;
        let start = || -> Result<Running> {
            let port = free_port()?;
            let listen = format!("127.0.0.1:{port}");
            Running::start(self.shopwright(folder.path()).args(["demo", "--listen", &listen]), port)
        };
        let first = start()?;
        let first_after = first.ready_after;
        // It may still be taking in the sample; what is measured next is a start with all of it there.
        sleep(IDLE_FOR);
        drop(first);
        let mut after = Vec::new();
        let mut resident_kib = 0;
        for run in 0..RUNS {
            let running = start()?;
            after.push(running.ready_after);
            if run + 1 == RUNS {
                sleep(IDLE_FOR);
                resident_kib = running.resident_kib()?;
            }
        }
        after.sort();
        Ok(format!(
            "`shopwright demo`, from the start of the process to the first 200 of `/readyz`.\n\n\
             | | measured | target |\n|---|--:|--:|\n\
             | first start, sample shop not there yet | {:.2} s | |\n\
             | start with the sample shop there, median of {RUNS} | {:.2} s | ≤ 0.5 s |\n\
             | resident memory {} s after that | {} MB | ≤ 60 MB |",
            first_after.as_secs_f64(),
            after[RUNS / 2].as_secs_f64(),
            IDLE_FOR.as_secs(),
            megabytes(resident_kib),
        ))
    }

    /// A server with that many priced products in memory, idle.
    pub(super) fn memory(&self) -> Result<String> {
        let mut rows = String::new();
        let mut first: Option<f64> = None;
        for products in CATALOGUES {
            let folder = tempfile::tempdir_in(self.data_folder()?)?;
            let file = folder.path().join("catalogue.csv");
            let mut csv = "sku,title,base_price,opening_stock\n".to_owned();
            for number in 0..products {
                let _ = writeln!(csv, "SKU-{number:06},Product number {number},9.99,100");
            }
            std::fs::write(&file, csv)?;
            let mut import = self.shopwright(folder.path());
            measure(import.args(["import", "catalog"]).arg(&file))?;
            let port = free_port()?;
            let listen = format!("127.0.0.1:{port}");
            let serve = || {
                Running::start(
                    self.shopwright(folder.path()).args(["serve", "--listen", &listen]),
                    port,
                )
            };
            // The first run decides all prices; what is measured starts with them.
            let deciding = serve()?;
            sleep(IDLE_FOR);
            drop(deciding);
            let running = serve()?;
            sleep(IDLE_FOR);
            let resident = running.resident_kib()?;
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let kib = resident as f64;
            let growth = first.map_or(String::new(), |small| format!("{:.2} ×", kib / small));
            first.get_or_insert(kib);
            let _ = writeln!(
                rows,
                "| {products} | {} MB | {growth} | {:.2} s |",
                megabytes(resident),
                running.ready_after.as_secs_f64()
            );
        }
        Ok(format!(
            "`shopwright serve` with every product priced, {} s after its start.\n\n\
             | products | resident | growth | start to first answer |\n|--:|--:|--:|--:|\n{rows}",
            IDLE_FOR.as_secs()
        ))
    }

    pub(super) fn size(&self) -> Result<String> {
        let bytes = std::fs::metadata(self.product())?.len();
        let lock = std::fs::read_to_string(self.machine.root.join("Cargo.lock"))?;
        let packages = lock.lines().filter(|line| *line == "[[package]]").count();
        Ok(format!(
            "| | measured | target |\n|---|--:|--:|\n\
             | release binary, stripped | {} MB | ≤ 45 MB |\n\
             | packages in the product's lock file | {packages} | ≤ 600 |",
            megabytes(bytes / 1_024)
        ))
    }

    /// Builds into an empty folder, then the house's own crates once more: the rest is dependencies.
    pub(super) fn cold_build(&self) -> Result<String> {
        let target = tempfile::tempdir_in(self.data_folder()?)?;
        let cargo = |arguments: &[&str]| -> Result<Duration> {
            let mut command = self.machine.cargo(arguments);
            command.env("CARGO_TARGET_DIR", target.path());
            let started = Instant::now();
            self.machine.run(&mut command)?;
            Ok(started.elapsed())
        };
        let build = ["build", "--release", "--locked", "--package", "shopwright"];
        cargo(&["fetch", "--locked"])?;
        let whole = cargo(&build)?;
        let mut clean = vec!["clean".to_owned(), "--release".to_owned()];
        for entry in std::fs::read_dir(self.machine.root.join(HOUSE))? {
            clean.extend([
                "--package".to_owned(),
                entry?.file_name().to_string_lossy().into_owned(),
            ]);
        }
        cargo(&clean.iter().map(String::as_str).collect::<Vec<_>>())?;
        let own = cargo(&build)?;
        Ok(format!(
            "| | measured | target |\n|---|--:|--:|\n\
             | release build from nothing, sources at hand | {:.1} min | ≤ 15 min |\n\
             | the house's own crates again | {:.1} min | |\n\
             | share of the dependencies | {:.0} % | |",
            whole.as_secs_f64() / 60.0,
            own.as_secs_f64() / 60.0,
            100.0 * (1.0 - own.as_secs_f64() / whole.as_secs_f64()),
        ))
    }

    fn shopwright(&self, folder: &Path) -> Command {
        let mut command = Command::new(self.product());
        // A configuration file of the working folder must not change what is measured.
        command
            .current_dir(folder)
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["--log", "warn"]);
        command
    }
}

/// Decimal megabytes, rounded up: a limit that is touched is shown as reached.
fn megabytes(kib: u64) -> u64 {
    (kib * 1_024).div_ceil(1_000_000)
}

/// The lines of a file, unpacked first when its name ends in `.gz`.
fn lines(file: &Path) -> Result<usize> {
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let packed = file.extension().is_some_and(|extension| extension == "gz");
    let text: Box<dyn Read> =
        if packed { Box::new(MultiGzDecoder::new(opened)) } else { Box::new(opened) };
    let mut count = 0;
    for line in BufReader::new(text).split(b'\n') {
        line?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shown_in_decimal_megabytes_rounded_up() {
        let check = |kib, expected| assert_eq!(megabytes(kib), expected, "{kib}");
        check(0, 0);
        check(1, 1);
        check(58_593, 60);
        check(58_594, 61);
    }

    #[test]
    fn lines_are_counted_in_plain_and_packed_files() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (plain, packed) = (folder.path().join("a.csv"), folder.path().join("a.csv.gz"));
        std::fs::write(&plain, "h\n1\n2\n")?;
        let mut encoder =
            flate2::write::GzEncoder::new(File::create(&packed)?, flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, b"h\n1\n2\n")?;
        encoder.finish()?;
        assert_eq!((lines(&plain)?, lines(&packed)?), (3, 3));
        Ok(())
    }
}
