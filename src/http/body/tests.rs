//! Bodies piece by piece, without a connection.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

async fn pieces(body: OutgoingBody) -> Vec<Bytes> {
    let mut body = Box::pin(body);
    let mut pieces = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        pieces.push(frame.unwrap().into_data().unwrap());
    }
    pieces
}

#[tokio::test]
async fn the_pieces_are_the_body_and_its_length_is_known_before() {
    let bytes: Bytes = (0..1_000_000_u32).map(|n| n as u8).collect();
    let body = OutgoingBody::new(bytes.clone(), None, None);
    assert_eq!(body.size_hint().exact(), Some(1_000_000));
    let pieces = pieces(body).await;
    assert_eq!(pieces.len(), 4);
    assert_eq!(pieces.concat(), bytes);
}

#[tokio::test]
async fn that_it_has_gone_is_told_with_its_last_piece_and_not_before() {
    let told = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&told);
    let on_gone = OnGone::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let bytes = Bytes::from(vec![0; PIECE_BYTES + 1]);
    let mut body = Box::pin(OutgoingBody::new(bytes, None, Some(on_gone)));
    for expected in [0, 1] {
        let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await;
        assert!(frame.is_some());
        assert_eq!(told.load(Ordering::Relaxed), expected);
    }
    assert!(body.is_end_stream());
    body_end(body).await;
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

async fn body_end(mut body: Pin<Box<OutgoingBody>>) {
    let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await;
    assert!(frame.is_none());
}
