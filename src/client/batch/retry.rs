//! The jobs of an ended batch that are run again: [`select`].

use ring::digest::{SHA256, digest};

use crate::client::batch::body::Body;
use crate::client::batch::status::{Batch, BatchStatus, Member};
use crate::client::exit::{Exit, REFUSED};
use crate::client::service::Service;
use crate::util::hex;
use crate::util::text::truncate;

/// The longest part of the old name. A name of a batch has at most 58 characters.
const MAX_NAME: usize = 45;

/// Keeps the jobs of the body that failed or are missing in this batch. Returns whether there are any.
pub async fn select(service: &Service<'_>, body: &mut Body, name: &str) -> Result<bool, Exit> {
    let batch = Batch { name: name.to_owned(), namespace: body.namespace() };
    service.progress.live(&format!("looking up {batch}"));
    let status = batch.details(service).await.map_err(|error| error.into_exit("nothing is sent"))?;
    if !status.is_final() {
        let text = format!("{batch} is {}, so nothing is sent; try again when it has ended", status.state);
        return Err(Exit::new(REFUSED, text));
    }
    let again: Vec<&Member> = status.unsuccessful().collect();
    if again.is_empty() {
        service.progress.success(&format!("{batch} has no failed jobs; nothing is sent"));
        return Ok(false);
    }
    let indexes = indexes(body, &again, status.size).map_err(|why| {
        Exit::usage(format!("{why}; give the jobs of {batch} again, with the same ids and in the same order"))
    })?;
    body.keep(&indexes);
    if !body.has_name() {
        let name = new_name(name, &status, body)?;
        body.set("batch_name", &name)?;
    }
    service.progress.note(&format!("{} of {} jobs of {batch} run again", indexes.len(), status.size));
    Ok(true)
}

/// Returns where the body has these members: by their ids, or by their indexes if one has no id.
fn indexes(body: &Body, members: &[&Member], size: usize) -> Result<Vec<usize>, String> {
    let ids: Option<Vec<&String>> = members.iter().map(|member| member.id.as_ref()).collect();
    let Some(ids) = ids else {
        if body.size() != size {
            return Err(format!("there are {} jobs, and the batch has {size}", body.size()));
        }
        return Ok(members.iter().map(|member| member.index).collect());
    };
    let own = body.ids();
    let place = |id: &String| {
        own.iter().position(|own| own.as_ref() == Some(id)).ok_or_else(|| format!("there is no job with the id {id}"))
    };
    ids.into_iter().map(place).collect()
}

/// Returns the same name for the same jobs of the same batch. A repeated command then does not run them twice.
fn new_name(name: &str, status: &BatchStatus, body: &Body) -> Result<String, Exit> {
    let hash = digest(&SHA256, &[status.uid.as_bytes(), &body.bytes()?].concat());
    let name = truncate(name, MAX_NAME).trim_end_matches(['.', '-']);
    Ok(format!("{name}-retry-{}", hex::encode(&hash.as_ref()[..3])))
}
