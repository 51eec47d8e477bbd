//! The ways of an answer's bytes into this room, for [`crate::fuzzing`].

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::decode::{self, Fields};
use super::info::Info;
use super::reply::Reply;
use super::retry::judge;
use crate::http::Answer;
use crate::locator::Namespaces;
use crate::point::{Point, Shape};

/// Which call is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    /// `info`
    Info,
    /// `range` with everything
    Range,
    /// `range` with ids alone
    Names,
    /// `fetch`
    Fetch,
}

/// The points that an answer holds, and their shape.
pub(crate) fn answered(call: Call, status: u16, body: &[u8]) -> Option<(Vec<Point>, Shape)> {
    let answer = Answer {
        status,
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body),
    };
    let reply = Reply::of(answer)
        .map_err(|refusal| judge(refusal, None))
        .ok()?;
    let fields = Fields {
        dimensions: 3,
        distance: None,
        hybrid: true,
    };
    let points = match call {
        Call::Info => return told(reply.result()),
        Call::Names => return decode::ids(reply.result()).ok().map(|_| Default::default()),
        Call::Range => decode::points(&fields, &None, reply.result()).ok()?.items,
        Call::Fetch => decode::fetched(&fields, &None, reply.result()).ok()?,
    };
    Some((points, fields.shape()))
}

fn told(result: &str) -> Option<(Vec<Point>, Shape)> {
    let value: Value = serde_json::from_str(result).ok()?;
    let info = Info::of(&value)?;
    info.warnings();
    info.counts(&Namespaces::All);
    info.count(&Namespaces::Default);
    info.pending(&Namespaces::All);
    let fields = info.fields().ok()?;
    Some((Vec::new(), fields.shape()))
}
