//! The calls that exist: method, path and name of each, in one table.

use axum::http::Method;

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the table below says what each one is")]
pub enum Operation {
    CreateIndex,
    ListIndexes,
    GetIndex,
    DeleteIndex,
    IndexInfo,
    Insert,
    Upsert,
    GetByIds,
    DeleteByIds,
    ListVectors,
    Query,
    CreateMetadataIndex,
    ListMetadataIndexes,
    DeleteMetadataIndex,
    ListNamespaces,
    CreateNamespace,
    GetNamespace,
    RenameNamespace,
    DeleteNamespace,
    ListKeys,
    ReadValue,
    WriteValue,
    DeleteValue,
    ReadMetadata,
    BulkPut,
    BulkGet,
    BulkDelete,
    BulkDeleteOld,
    ListAccounts,
    GetAccount,
    ListMemberships,
    GetUser,
    VerifyUserToken,
    VerifyAccountToken,
    /// No such route, or not with this method.
    Unknown,
}

use Operation as O;

/// Method, path below `/client/v4`, operation.
const TABLE: [(&str, &str, Operation); 34] = [
    (
        "POST",
        "/accounts/{account}/vectorize/v2/indexes",
        O::CreateIndex,
    ),
    (
        "GET",
        "/accounts/{account}/vectorize/v2/indexes",
        O::ListIndexes,
    ),
    (
        "GET",
        "/accounts/{account}/vectorize/v2/indexes/{index}",
        O::GetIndex,
    ),
    (
        "DELETE",
        "/accounts/{account}/vectorize/v2/indexes/{index}",
        O::DeleteIndex,
    ),
    (
        "GET",
        "/accounts/{account}/vectorize/v2/indexes/{index}/info",
        O::IndexInfo,
    ),
    (
        "POST",
        "/accounts/{account}/vectorize/v2/indexes/{index}/insert",
        O::Insert,
    ),
    (
        "POST",
        "/accounts/{account}/vectorize/v2/indexes/{index}/upsert",
        O::Upsert,
    ),
    (
        "POST",
        "/accounts/{account}/vectorize/v2/indexes/{index}/get_by_ids",
        O::GetByIds,
    ),
    (
        "POST",
        "/accounts/{account}/vectorize/v2/indexes/{index}/delete_by_ids",
        O::DeleteByIds,
    ),
    (
        "GET",
        "/accounts/{account}/vectorize/v2/indexes/{index}/list",
        O::ListVectors,
    ),
    (
        "POST",
        "/accounts/{account}/vectorize/v2/indexes/{index}/query",
        O::Query,
    ),
    (
        "POST",
        "/accounts/{account}/vectorize/v2/indexes/{index}/metadata_index/create",
        O::CreateMetadataIndex,
    ),
    (
        "GET",
        "/accounts/{account}/vectorize/v2/indexes/{index}/metadata_index/list",
        O::ListMetadataIndexes,
    ),
    (
        "POST",
        "/accounts/{account}/vectorize/v2/indexes/{index}/metadata_index/delete",
        O::DeleteMetadataIndex,
    ),
    (
        "GET",
        "/accounts/{account}/storage/kv/namespaces",
        O::ListNamespaces,
    ),
    (
        "POST",
        "/accounts/{account}/storage/kv/namespaces",
        O::CreateNamespace,
    ),
    (
        "GET",
        "/accounts/{account}/storage/kv/namespaces/{namespace}",
        O::GetNamespace,
    ),
    (
        "PUT",
        "/accounts/{account}/storage/kv/namespaces/{namespace}",
        O::RenameNamespace,
    ),
    (
        "DELETE",
        "/accounts/{account}/storage/kv/namespaces/{namespace}",
        O::DeleteNamespace,
    ),
    (
        "GET",
        "/accounts/{account}/storage/kv/namespaces/{namespace}/keys",
        O::ListKeys,
    ),
    (
        "GET",
        "/accounts/{account}/storage/kv/namespaces/{namespace}/values/{key}",
        O::ReadValue,
    ),
    (
        "PUT",
        "/accounts/{account}/storage/kv/namespaces/{namespace}/values/{key}",
        O::WriteValue,
    ),
    (
        "DELETE",
        "/accounts/{account}/storage/kv/namespaces/{namespace}/values/{key}",
        O::DeleteValue,
    ),
    (
        "GET",
        "/accounts/{account}/storage/kv/namespaces/{namespace}/metadata/{key}",
        O::ReadMetadata,
    ),
    (
        "PUT",
        "/accounts/{account}/storage/kv/namespaces/{namespace}/bulk",
        O::BulkPut,
    ),
    (
        "POST",
        "/accounts/{account}/storage/kv/namespaces/{namespace}/bulk/get",
        O::BulkGet,
    ),
    (
        "POST",
        "/accounts/{account}/storage/kv/namespaces/{namespace}/bulk/delete",
        O::BulkDelete,
    ),
    (
        "DELETE",
        "/accounts/{account}/storage/kv/namespaces/{namespace}/bulk",
        O::BulkDeleteOld,
    ),
    ("GET", "/accounts", O::ListAccounts),
    ("GET", "/accounts/{account}", O::GetAccount),
    ("GET", "/memberships", O::ListMemberships),
    ("GET", "/user", O::GetUser),
    ("GET", "/user/tokens/verify", O::VerifyUserToken),
    (
        "GET",
        "/accounts/{account}/tokens/verify",
        O::VerifyAccountToken,
    ),
];

impl Operation {
    /// Method and path template, such as `GET /accounts/{account}/vectorize/v2/indexes`.
    pub fn template(self) -> String {
        let row = TABLE.iter().find(|(_, _, operation)| *operation == self);
        row.map_or_else(
            || "(no such route)".to_owned(),
            |(method, path, _)| format!("{method} {path}"),
        )
    }

    /// Whether it puts a mutation into a Vectorize index's queue.
    pub(super) fn is_mutation(self) -> bool {
        matches!(
            self,
            O::Insert
                | O::Upsert
                | O::DeleteByIds
                | O::CreateMetadataIndex
                | O::DeleteMetadataIndex
        )
    }

    /// Whether it belongs to Workers KV.
    pub(super) fn is_kv(self) -> bool {
        (O::ListNamespaces..=O::BulkDeleteOld).contains(&self)
    }

    /// Whether it belongs to Vectorize.
    pub(super) fn is_vectorize(self) -> bool {
        (O::CreateIndex..=O::DeleteMetadataIndex).contains(&self)
    }
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To an operation; the path's parameters still percent-encoded.
    To(Operation, Vec<String>),
    /// To a path that exists, but not with this method.
    WrongMethod,
    /// Nowhere.
    Nowhere,
}

/// Finds the operation of a method and a path below `/client/v4`.
pub(super) fn find(method: &Method, path: &str) -> Route {
    let mut route = Route::Nowhere;
    for (wanted, template, operation) in TABLE {
        if let Some(params) = matches(template, path) {
            if wanted == method.as_str() {
                return Route::To(operation, params);
            }
            route = Route::WrongMethod;
        }
    }
    route
}

fn matches(template: &str, path: &str) -> Option<Vec<String>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut params = Vec::new();
    let mut segments = path.split('/');
    for wanted in template.split('/') {
        let segment = segments.next()?;
        if wanted.starts_with('{') {
            if segment.is_empty() {
                return None;
            }
            params.push(segment.to_owned());
        } else if wanted != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_leads_to_its_own_operation() {
        for (method, template, operation) in TABLE {
            let method: Method = method.parse().unwrap();
            let Route::To(found, _) = find(&method, template) else {
                panic!("{template} leads nowhere");
            };
            assert_eq!(found, operation);
        }
    }

    #[test]
    fn a_known_path_with_another_method_is_told_from_an_unknown_path() {
        assert_eq!(find(&Method::PATCH, "/accounts"), Route::WrongMethod);
        assert_eq!(find(&Method::GET, "/zones"), Route::Nowhere);
        assert_eq!(find(&Method::GET, "//accounts"), Route::Nowhere);
    }

    #[test]
    fn an_encoded_slash_does_not_split_a_key() {
        let path = "/accounts/a/storage/kv/namespaces/n/values/x%2Fy";
        let Route::To(Operation::ReadValue, params) = find(&Method::GET, path) else {
            panic!("no value route");
        };
        assert_eq!(params, ["a", "n", "x%2Fy"]);
    }
}
