//! shared/appwrite
