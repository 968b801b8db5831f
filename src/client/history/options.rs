//! The options of `eks-api history list`, `show` and `stats`: [`HistoryCommand`]. `cli` parses them.

use crate::client::options::Connection;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    List,
    Show,
    Stats,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryCommand {
    pub action: Action,
    pub connection: Connection,
    /// The parameters of the call. Each is sent as it is given.
    pub query: Vec<(&'static str, String)>,
    /// The most runs.
    pub limit: usize,
    /// The keys of the groups, in the order of their columns.
    pub group_by: Vec<String>,
    /// Print the reply of the service.
    pub json: bool,
}
