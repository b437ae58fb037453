//! Content negotiation: which encoding and which shape a client would like, of those that we have.

use timonier_api::protobuf::envelope;
use timonier_api::status::Status;

/// The group of shapes that are not Kubernetes'.
const EXTENSIONS: &str = "timonier.dev";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Json,
    Yaml,
    Protobuf,
}

impl Encoding {
    pub fn content_type(self) -> &'static str {
        match self {
            Encoding::Json => "application/json",
            Encoding::Yaml => "application/yaml",
            Encoding::Protobuf => envelope::MEDIA_TYPE,
        }
    }
}

/// What of an object is wanted. The list forms are chosen by the verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Object,
    Table,
    Metadata,
    /// The fields that the query names: an extension of ours.
    Partial,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    pub encoding: Encoding,
    pub shape: Shape,
}

impl Accept {
    pub const JSON: Accept = Accept { encoding: Encoding::Json, shape: Shape::Object };

    /// The first clause that we can serve. Quality values are ignored, as Kubernetes' clients order by preference.
    /// `protobuf`: whether whole objects of this kind can be protobuf; those of custom resources cannot.
    pub fn parse(header: Option<&str>, protobuf: bool) -> Result<Accept, Status> {
        let Some(header) = header.filter(|h| !h.trim().is_empty()) else {
            return Ok(Accept::JSON);
        };
        header
            .split(',')
            .filter_map(clause)
            .find(|accept| accept.encoding != Encoding::Protobuf || protobuf || accept.shape == Shape::Metadata)
            .ok_or_else(|| {
                let all = ["application/json", "application/yaml", envelope::MEDIA_TYPE];
                Status::not_acceptable(if protobuf { &all } else { &all[..2] })
            })
    }
}

fn clause(text: &str) -> Option<Accept> {
    let mut parts = text.split(';').map(str::trim);
    let encoding = match parts.next()? {
        "application/json" | "*/*" | "application/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        envelope::MEDIA_TYPE => Encoding::Protobuf,
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
        Some("PartialObject") if group == Some(EXTENSIONS) && version == Some("v1") => match encoding {
            // Of an object with holes there is no protobuf.
            Encoding::Protobuf => return None,
            Encoding::Json | Encoding::Yaml => Shape::Partial,
        },
        Some(wanted) => {
            if group != Some("meta.k8s.io") || version != Some("v1") {
                return None;
            }
            match wanted {
                // There is no protobuf of a Table.
                "Table" if encoding == Encoding::Protobuf => return None,
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
        let protobuf = |shape| Some(Accept { encoding: Encoding::Protobuf, shape });
        let cases = [
            ("application/vnd.kubernetes.protobuf, application/json", protobuf(Shape::Object)),
            ("application/vnd.kubernetes.protobuf;stream=watch", protobuf(Shape::Object)),
            ("application/json, application/vnd.kubernetes.protobuf", json(Shape::Object)),
            (
                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
                protobuf(Shape::Metadata),
            ),
            (
                "application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1,application/json;as=Table;g=meta.k8s.io;v=v1",
                json(Shape::Table),
            ),
            ("application/cbor", None),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                json(Shape::Table),
            ),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", json(Shape::Object)),
            ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", json(Shape::Metadata)),
            ("text/html,*/*;q=0.8", json(Shape::Object)),
            ("application/json;as=PartialObject;g=timonier.dev;v=v1,application/json", json(Shape::Partial)),
            ("application/json;as=PartialObject;g=timonier.dev;v=v2,application/json", json(Shape::Object)),
            ("application/vnd.kubernetes.protobuf;as=PartialObject;g=timonier.dev;v=v1", None),
        ];
        for (header, expected) in cases {
            assert_eq!(Accept::parse(Some(header), true).ok(), expected, "{header}");
        }
    }

    #[test]
    fn kinds_without_protobuf_are_json_and_their_metadata_is_protobuf_all_the_same() {
        let encoding = |header| Accept::parse(Some(header), false).map(|accept| accept.encoding).ok();
        assert_eq!(encoding("application/vnd.kubernetes.protobuf,application/json"), Some(Encoding::Json));
        assert_eq!(encoding("application/vnd.kubernetes.protobuf"), None);
        let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        assert_eq!(encoding(metadata), Some(Encoding::Protobuf));
    }
}
