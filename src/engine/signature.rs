//! Signatures: which name belongs to which GenAI service.
