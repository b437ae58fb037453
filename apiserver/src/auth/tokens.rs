//! Static bearer tokens, in the form of Kubernetes' `--token-auth-file`: `token,user,uid,"group1,group2"`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::StartError;
use crate::identity::{AUTHENTICATED, Identity};

#[derive(Default)]
pub struct Tokens(HashMap<String, Arc<Identity>>);

impl Tokens {
    /// Reads a token file; one that does not exist holds no tokens.
    pub fn read(path: &Path) -> Result<Tokens, StartError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Tokens::default()),
            Err(source) => {
                return Err(StartError::Read { path: path.to_path_buf(), source });
            }
        };
        Tokens::parse(&text).map_err(|reason| StartError::Credentials { path: path.to_path_buf(), reason })
    }

    fn parse(text: &str) -> Result<Tokens, String> {
        let mut tokens = HashMap::new();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let fields = split(line);
            let [token, user, rest @ ..] = fields.as_slice() else {
                return Err(format!("line {}: expected token,user,uid,\"groups\"", number + 1));
            };
            if token.is_empty() || user.is_empty() {
                return Err(format!("line {}: token and user must not be empty", number + 1));
            }
            let groups: Vec<&str> = rest
                .get(1)
                .map(|groups| groups.split(',').map(str::trim).filter(|g| !g.is_empty()).collect())
                .unwrap_or_default();
            let mut identity = Identity::new(user.clone(), &groups);
            identity.uid = rest.first().cloned().unwrap_or_default();
            tokens.insert(token.clone(), Arc::new(identity));
        }
        Ok(Tokens(tokens))
    }

    pub fn find(&self, token: &str) -> Option<&Arc<Identity>> {
        self.0.get(token).inspect(|identity| debug_assert!(identity.has_group(AUTHENTICATED)))
    }
}

/// The fields of a line of CSV; quotes keep commas together.
fn split(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.trim_end().chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => {
                if let Some(field) = fields.last_mut() {
                    field.push(c);
                }
            }
        }
    }
    fields.iter().map(|f| f.trim().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_token_user_uid_and_groups() {
        let tokens = Tokens::parse("t0k3n,admin,7,\"system:masters,ops\"\n\nother,bob,8\n").expect("is well formed");
        let admin = tokens.find("t0k3n").expect("is there");
        assert_eq!((&*admin.user, &*admin.uid), ("admin", "7"));
        assert_eq!(admin.groups, ["system:masters", "ops", AUTHENTICATED]);
        assert_eq!(tokens.find("other").expect("is there").groups, [AUTHENTICATED]);
        assert!(tokens.find("").is_none());
        assert!(Tokens::parse("only-a-token").is_err());
    }
}
