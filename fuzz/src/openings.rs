//! What a client says first, layer by layer: read as it comes or all at once, it says the same.

use shadowtap::engine::names::opening::{Opening, Progress, Said};

use super::tls::facts;
use super::verdict::steered;

/// Read in two or three parts as on the wire, an opening says what it says when it is there at once; every fact once.
pub fn run(data: &[u8]) {
    let Some(([at, way], bytes)) = steered(data) else { return };
    let is_dns_port = way & 1 != 0;
    let (mut whole, mut said) = (Opening::default(), Vec::new());
    let end = whole.advance(bytes, is_dns_port, &mut Vec::new(), &mut |s| said.push(text(&s)));
    assert!(said.len() <= 7 + 1, "{} facts: {said:?}", said.len());
    if let Progress::NeedMore(n) = end {
        assert!(n > bytes.len(), "{n} bytes wanted, {} are there", bytes.len());
    }
    if let Progress::Dns(offset) = end {
        assert!(offset <= bytes.len());
    }
    let (mut parts, mut told, mut need, mut last) = (Opening::default(), Vec::new(), 0, None);
    let first = at % bytes.len().max(1);
    for cut in [first, first.midpoint(bytes.len()), bytes.len()] {
        // As a flow does it: not before what was wanted is there.
        if cut < need || last.is_some_and(|p| !matches!(p, Progress::NeedMore(_))) {
            continue;
        }
        let progress = parts.advance(&bytes[..cut], is_dns_port, &mut Vec::new(), &mut |s| told.push(text(&s)));
        if let Progress::NeedMore(n) = progress {
            assert!(n > cut, "{n} bytes wanted, {cut} are there");
            need = n;
        }
        last = Some(progress);
    }
    names(&said, &told, (end, last));
}

/// Names said are the same; a User-Agent may come behind the Host it goes with.
fn names(said: &[String], told: &[String], progress: (Progress, Option<Progress>)) {
    // DNS is guessed from a whole message: in parts it may have been waited for in vain.
    let is_guess = matches!(progress.0, Progress::Dns(_)) || matches!(progress.1, Some(Progress::Dns(_)));
    assert!(is_guess || said == told, "at once {said:?}, in parts {told:?}: {progress:?}");
}

fn text(said: &Said<'_>) -> String {
    match said {
        Said::Hello(hello) => {
            facts(hello);
            format!("hello {:?}", hello.name)
        }
        Said::Host(host, _) => format!("host {host:?}"),
        Said::Connect(host, _) => format!("connect {host:?}"),
        other => format!("{other:?}"),
    }
}
