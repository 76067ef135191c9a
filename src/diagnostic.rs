//! What is wrong with the files of a graph: code, message, places, help; rendered for people and as JSON.
