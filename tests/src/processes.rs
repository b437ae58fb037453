//! The cluster's parts as separate processes on shared credentials.
