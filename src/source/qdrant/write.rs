//! The calls that write, and those that read back what they wrote. Each is repeated
//! as calls that read are; all of them may be: to create what is there, or to upsert
//! a point again, changes nothing.

use qdrant_client::qdrant::{
    CollectionInfo, CreateCollection, CreateFieldIndexCollection, GetPoints, PointId, PointStruct,
    PointsOperationResponse, RetrievedPoint, UpdateStatus, UpsertPoints,
};

use super::connect::Server;
use super::retry::{Again, CallError, Decision, classify};
use crate::error::{Error, Kind};

impl Server {
    /// The server's description of a collection; none where there is no such one.
    pub(super) async fn find(&self, collection: &str) -> Result<Option<CollectionInfo>, Error> {
        let doing = format!("looking for collection {collection:?}");
        let mut patience = self.pace.patience();
        loop {
            match self
                .limited(self.client().collection_info(collection))
                .await
            {
                Ok(answer) => return Ok(Some(answer.result.unwrap_or_default())),
                Err(error) => match classify(&error) {
                    Decision::Missing => return Ok(None),
                    decision => {
                        let error = CallError::of(&error);
                        patience.after(&doing, decision, error).await?;
                    }
                },
            }
        }
    }

    /// Makes a collection. One that is there once the call has failed is taken to be
    /// made by it: the answer may have been lost, and the client repeats some calls
    /// by itself. The caller looks at what there is.
    pub(super) async fn create(&self, request: CreateCollection) -> Result<(), Error> {
        let name = request.collection_name.clone();
        let doing = format!("creating collection {name:?}");
        let client = self.client();
        let made = self
            .retried(&doing, || client.create_collection(request.clone()))
            .await;
        match made {
            Ok(answer) if answer.result => Ok(()),
            Ok(_) => Err(Error::failed(format!(
                "Qdrant did not create collection {name:?} and did not say why"
            ))),
            Err(error) if error.kind() == Kind::Failed && self.find(&name).await?.is_some() => {
                Ok(())
            }
            Err(error) => Err(may_write(error)),
        }
    }

    /// Makes a payload index, and waits for it.
    pub(super) async fn create_index(
        &self,
        request: CreateFieldIndexCollection,
    ) -> Result<(), Error> {
        let doing = format!("creating the payload index on {:?}", request.field_name);
        let client = self.client();
        self.retried(&doing, || client.create_field_index(request.clone()))
            .await
            .map_err(may_write)?;
        Ok(())
    }

    /// Writes points and waits until they are applied. Points that are too many for
    /// one call are sent in halves.
    pub(super) async fn upsert(
        &self,
        collection: &str,
        points: Vec<PointStruct>,
        timeout_s: u64,
    ) -> Result<(), Error> {
        let mut waiting = vec![points];
        while let Some(points) = waiting.pop() {
            if let Err(points) = self.upsert_once(collection, points, timeout_s).await? {
                waiting.extend(halves(points));
            }
        }
        Ok(())
    }

    /// Gives the points back that are to be sent in smaller numbers.
    async fn upsert_once(
        &self,
        collection: &str,
        points: Vec<PointStruct>,
        timeout_s: u64,
    ) -> Result<Result<(), Vec<PointStruct>>, Error> {
        let doing = format!(
            "writing {} points to collection {collection:?}",
            points.len()
        );
        let mut patience = self.pace.patience();
        loop {
            let request = UpsertPoints {
                collection_name: collection.to_owned(),
                wait: Some(true),
                points: points.clone(),
                timeout: Some(timeout_s),
                ..UpsertPoints::default()
            };
            let (decision, error) = match self.limited(self.client().upsert_points(request)).await {
                Ok(answer) if is_applied(&answer) => return Ok(Ok(())),
                Ok(_) => (
                    Decision::Smaller,
                    CallError::text("the points are not applied yet"),
                ),
                Err(error) => (classify(&error), CallError::of(&error)),
            };
            let again = patience.after(&doing, decision, error).await;
            if again.map_err(may_write)? == Again::Smaller && points.len() > 1 {
                return Ok(Err(points));
            }
        }
    }

    /// Points by id, with all they hold.
    pub(super) async fn get(
        &self,
        collection: &str,
        ids: Vec<PointId>,
        timeout_s: u64,
    ) -> Result<Vec<RetrievedPoint>, Error> {
        let request = GetPoints {
            collection_name: collection.to_owned(),
            ids,
            with_payload: Some(true.into()),
            with_vectors: Some(true.into()),
            timeout: Some(timeout_s),
            ..GetPoints::default()
        };
        let doing = format!("reading points by id from collection {collection:?}");
        let client = self.client();
        let answer = self
            .retried(&doing, || client.get_points(request.clone()))
            .await?;
        Ok(answer.result)
    }
}

/// What the advice of a call that reads does not say.
fn may_write(error: Error) -> Error {
    match error.kind() {
        Kind::Forbidden => error.advise(
            "Set QDRANT_API_KEY to a key that may create collections and write: a read-only key is not enough",
        ),
        _ => error,
    }
}

fn is_applied(answer: &PointsOperationResponse) -> bool {
    let status = answer.result.as_ref().map(|result| result.status());
    matches!(
        status,
        Some(UpdateStatus::Completed | UpdateStatus::Acknowledged)
    )
}

fn halves(mut points: Vec<PointStruct>) -> [Vec<PointStruct>; 2] {
    let second = points.split_off(points.len() / 2);
    // The last one is sent first.
    [second, points]
}
