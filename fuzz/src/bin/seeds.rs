//! Writes the seeds: `seeds FOLDER [TARGET]…` makes a folder for each target.

use std::path::Path;

use shadowtap_fuzz::seeds;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "corpus".into());
    let wanted: Vec<String> = arguments.collect();
    let mut written = 0;
    for (i, seed) in seeds::all().iter().enumerate() {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == seed.target) {
            continue;
        }
        let folder = Path::new(&folder).join(seed.target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("seed-{i:05}")), &seed.bytes)?;
        written += 1;
    }
    println!("{written} seeds");
    Ok(())
}
