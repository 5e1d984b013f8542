//! The search by meaning: exact where the scope is small, scanned and rescored where it is large.

use super::{Asked, Mode, Options, RetrieveError, Rooms};
use crate::domain::account::Scope;
use crate::domain::passage::Candidate;
use crate::limits;
use crate::vectors::SegmentKey;

/// The chunks nearest to what is `asked` with their exact cosine similarity, best first; none if there is no model.
///
/// A scan knows the cosine only to about two digits, so what it proposes is scored again in the store, in f32. That
/// also drops chunks which were deleted since the scan's last commit.
pub async fn nearest(
    rooms: &Rooms,
    scope: &Scope,
    asked: Option<&Asked>,
    options: &Options,
) -> Result<Vec<Candidate>, RetrieveError> {
    let Some(Asked { generation, vector: question }) = asked.filter(|_| options.mode != Mode::Words) else {
        return Ok(Vec::new());
    };
    let (generation, k) = (*generation, options.fetch_k);
    if rooms.store.vector_count(scope, generation).await? <= limits::EXACT_SCAN_VECTORS_MAX as u64 {
        return Ok(rooms.store.nearest_exact(scope, generation, question.clone(), k).await?);
    }
    let keys: Vec<SegmentKey> =
        scope.collections.iter().map(|&collection| SegmentKey { generation, collection }).collect();
    let (vectors, scanned) = (rooms.vectors.clone(), question.clone());
    let proposed = tokio::task::spawn_blocking(move || vectors.nearest(&keys, &scanned, k)).await??;
    let chunks = proposed.iter().map(|candidate| candidate.chunk).collect();
    let mut exact = rooms.store.similarities(scope, generation, question.clone(), chunks).await?;
    exact.sort_unstable_by(|a, b| b.cmp(a));
    Ok(exact)
}
