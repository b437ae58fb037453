//! Content negotiation: which encoding and which shape a client would like, of those that we have.

use timonier_api::status::Status;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Json,
    Yaml,
}

impl Encoding {
    pub fn content_type(self) -> &'static str {
        match self {
            Encoding::Json => "application/json",
            Encoding::Yaml => "application/yaml",
        }
    }
}

/// What of an object is wanted. The list forms are chosen by the verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Object,
    Table,
    Metadata,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    pub encoding: Encoding,
    pub shape: Shape,
}

impl Accept {
    pub const JSON: Accept = Accept { encoding: Encoding::Json, shape: Shape::Object };

    /// The first clause that we can serve. Quality values are ignored, as Kubernetes' clients order by preference.
    pub fn parse(header: Option<&str>) -> Result<Accept, Status> {
        let Some(header) = header.filter(|h| !h.trim().is_empty()) else {
            return Ok(Accept::JSON);
        };
        header
            .split(',')
            .find_map(clause)
            .ok_or_else(|| Status::not_acceptable(&["application/json", "application/yaml"]))
    }
}

fn clause(text: &str) -> Option<Accept> {
    let mut parts = text.split(';').map(str::trim);
    let encoding = match parts.next()? {
        "application/json" | "*/*" | "application/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        _ => return None,
    };
    let (mut wanted, mut group, mut version) = (None, None, None);
    for part in parts {
        match part.split_once('=') {
            Some(("as", value)) => wanted = Some(value),
            Some(("g", value)) => group = Some(value),
            Some(("v", value)) => version = Some(value),
            // `stream=watch`, `charset=utf-8`, `q=0.9` and `pretty=1` change nothing.
            _ => {}
        }
    }
    let shape = match wanted {
        None => Shape::Object,
        Some(wanted) => {
            if group != Some("meta.k8s.io") || version != Some("v1") {
                return None;
            }
            match wanted {
                "Table" => Shape::Table,
                "PartialObjectMetadata" | "PartialObjectMetadataList" => Shape::Metadata,
                _ => return None,
            }
        }
    };
    Some(Accept { encoding, shape })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_clause_that_can_be_served_wins() {
        let json = |shape| Some(Accept { encoding: Encoding::Json, shape });
        let cases = [
            ("application/vnd.kubernetes.protobuf, application/json", json(Shape::Object)),
            ("application/vnd.kubernetes.protobuf", None),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                json(Shape::Table),
            ),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", json(Shape::Object)),
            ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", json(Shape::Metadata)),
            ("text/html,*/*;q=0.8", json(Shape::Object)),
        ];
        for (header, expected) in cases {
            assert_eq!(Accept::parse(Some(header)).ok(), expected, "{header}");
        }
    }
}
