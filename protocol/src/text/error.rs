//! Why a text is not a message.

use crate::message::{ErrorCode, ErrorReply, MessageError, MessageId};

/// Why a text is not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is not even JSON: the connection closes with 1003.
    #[error("the text is not JSON")]
    NotJson,
    /// It is JSON, but no message: that is answered, and the connection stays.
    #[error("{problem}")]
    Message {
        /// The message's id, where one could be read.
        id: Option<MessageId>,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with a message. Paths lead from the message to the field, as in `payload.channel`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something that must be there is not.
    #[error("{0} is missing")]
    Missing(String),
    /// A way to a room must be there, and none is.
    #[error("{0}, or else code, find, find_or_create, create or queue, is missing")]
    NoTarget(String),
    /// Something is there that is not known.
    #[error("{0} is not known here")]
    Unknown(String),
    /// A key is there twice.
    #[error("{0} is there twice")]
    Twice(String),
    /// Something is there that does not go with the rest.
    #[error("{0} does not go with what else is there")]
    Misplaced(String),
    /// Something is there in another form than it must have.
    #[error("{path} is not {wanted}")]
    Form {
        /// Where.
        path: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// It breaks a cap that the message has in every form.
    #[error(transparent)]
    Cap(#[from] MessageError),
    /// What it says can be understood in a room alone.
    #[error("join a room first")]
    NotJoined,
}

impl TextError {
    /// What the client is told; none where the connection closes.
    pub fn reply(&self) -> Option<ErrorReply> {
        let Self::Message { id, problem } = self else { return None };
        let code = if *problem == Problem::NotJoined { ErrorCode::NotJoined } else { ErrorCode::Invalid };
        Some(ErrorReply { code, message: problem.to_string(), retry_ms: None, id: id.clone() })
    }
}
