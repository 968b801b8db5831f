//! Finds the end of an HTTP/1.1 reply, and counts its body. It keeps nothing of the body, so that the server is what is
//! measured; nor does it judge anything but the status.

/// A reply that has come as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Of the body, without the frames of its chunks.
    pub(crate) bytes: u64,
}

#[derive(Debug)]
enum State {
    Head,
    /// So many bytes of the body are still to come.
    Body(u64),
    /// In the line before a chunk, or in one of those after the last.
    ChunkLine {
        last: bool,
    },
    /// So many bytes of a chunk and of its line end are still to come.
    Chunk(u64),
}

/// Reads one reply after another, of requests that are not pipelined.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    /// A head or a chunk's line as far as it has come.
    kept: Vec<u8>,
    status: u16,
    bytes: u64,
}

impl Reader {
    pub(crate) const fn new() -> Self {
        Self { state: State::Head, kept: Vec::new(), status: 0, bytes: 0 }
    }

    /// Whether nothing of a reply has come yet.
    pub(crate) const fn is_fresh(&self) -> bool {
        matches!(self.state, State::Head) && self.kept.is_empty()
    }

    /// Takes what has come; the reply, if this was the last of it.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<Option<Reply>, String> {
        loop {
            let more = match self.state {
                State::Head => self.head(&mut bytes)?,
                State::Body(left) => {
                    let taken = left.min(bytes.len() as u64);
                    self.bytes += taken;
                    bytes = &bytes[usize::try_from(taken).unwrap_or_default()..];
                    self.state = State::Body(left - taken);
                    left > taken
                }
                State::Chunk(left) => {
                    let taken = left.min(bytes.len() as u64);
                    bytes = &bytes[usize::try_from(taken).unwrap_or_default()..];
                    self.state =
                        if left == taken { State::ChunkLine { last: false } } else { State::Chunk(left - taken) };
                    left > taken
                }
                State::ChunkLine { last } => self.chunk_line(&mut bytes, last)?,
            };
            if matches!(self.state, State::Body(0)) {
                let reply = Reply { status: self.status, bytes: self.bytes };
                *self = Self { kept: std::mem::take(&mut self.kept), ..Self::new() };
                self.kept.clear();
                return if bytes.is_empty() { Ok(Some(reply)) } else { Err("more has come than the reply".to_owned()) };
            }
            if more {
                return Ok(None);
            }
        }
    }

    /// Whether more of it has to come.
    fn head(&mut self, bytes: &mut &[u8]) -> Result<bool, String> {
        let from = self.kept.len();
        self.kept.extend_from_slice(bytes);
        let Some(end) = find(&self.kept, b"\r\n\r\n") else {
            *bytes = &[];
            return Ok(true);
        };
        *bytes = &bytes[end + 4 - from..];
        let head = std::str::from_utf8(&self.kept[..end]).map_err(|_| "the head is not UTF-8")?;
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        self.status = status.ok_or_else(|| format!("no status in {head:?}"))?;
        let mut headers = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        self.state = match headers.find_map(|(name, value)| framing(name, value)) {
            Some(state) => state,
            None if [204, 304].contains(&self.status) => State::Body(0),
            None => return Err(format!("neither a length nor chunks in {head:?}")),
        };
        self.kept.clear();
        Ok(false)
    }

    fn chunk_line(&mut self, bytes: &mut &[u8], last: bool) -> Result<bool, String> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.kept.extend_from_slice(bytes);
            *bytes = &[];
            return Ok(true);
        };
        self.kept.extend_from_slice(&bytes[..end]);
        *bytes = &bytes[end + 1..];
        let line = std::str::from_utf8(&self.kept).unwrap_or_default().trim_end().to_owned();
        self.kept.clear();
        self.state = if last {
            // A trailer, or the empty line after which nothing comes.
            if line.is_empty() { State::Body(0) } else { State::ChunkLine { last } }
        } else {
            let size = line.split(';').next().unwrap_or_default();
            let size = u64::from_str_radix(size, 16).map_err(|_| format!("{line:?} is not the size of a chunk"))?;
            self.bytes += size;
            if size == 0 { State::ChunkLine { last: true } } else { State::Chunk(size + 2) }
        };
        Ok(false)
    }
}

fn framing(name: &str, value: &str) -> Option<State> {
    if name.eq_ignore_ascii_case("content-length") {
        return value.trim().parse().ok().map(State::Body);
    }
    let chunked = name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked");
    chunked.then_some(State::ChunkLine { last: false })
}

/// Where these bytes are first found.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let (first, mut from) = (wanted.first()?, 0);
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        if bytes[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}
