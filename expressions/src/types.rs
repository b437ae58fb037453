//! Types, and which fit where.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Anything: what it is, is seen when it runs.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    List(Arc<Type>),
    Map(Arc<Type>, Arc<Type>),
    Object(Arc<ObjectType>),
    Optional(Arc<Type>),
    /// A type itself.
    Type,
    Quantity,
    Url,
    Ip,
    Cidr,
    Format,
    /// In signatures: whatever it is, it is the same everywhere.
    Any(char),
}

/// An object with known fields, under the names that expressions call them by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectType {
    pub name: String,
    pub fields: BTreeMap<String, Type>,
}

impl Type {
    pub fn list(of: Type) -> Type {
        Type::List(Arc::new(of))
    }

    pub fn map(key: Type, value: Type) -> Type {
        Type::Map(Arc::new(key), Arc::new(value))
    }

    pub fn optional(of: Type) -> Type {
        Type::Optional(Arc::new(of))
    }

    pub fn object(name: &str, fields: impl IntoIterator<Item = (String, Type)>) -> Type {
        Type::Object(Arc::new(ObjectType { name: name.to_owned(), fields: fields.into_iter().collect() }))
    }

    /// The type of both, if there is one.
    pub fn join(&self, other: &Type) -> Option<Type> {
        match (self, other) {
            (Type::Dyn, _) | (_, Type::Dyn) => Some(Type::Dyn),
            (Type::Null, known) | (known, Type::Null) => Some(known.clone()),
            _ => {
                let mut bound = Bound::default();
                if bound.fits(self, other) {
                    Some(self.clone())
                } else if bound.fits(other, self) {
                    Some(other.clone())
                } else {
                    None
                }
            }
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Dyn => write!(f, "dyn"),
            Type::Null => write!(f, "null"),
            Type::Bool => write!(f, "bool"),
            Type::Int => write!(f, "int"),
            Type::Uint => write!(f, "uint"),
            Type::Double => write!(f, "double"),
            Type::String => write!(f, "string"),
            Type::Bytes => write!(f, "bytes"),
            Type::Timestamp => write!(f, "timestamp"),
            Type::Duration => write!(f, "duration"),
            Type::List(of) => write!(f, "list({of})"),
            Type::Map(key, value) => write!(f, "map({key}, {value})"),
            Type::Object(object) => write!(f, "{}", object.name),
            Type::Optional(of) => write!(f, "optional_type({of})"),
            Type::Type => write!(f, "type"),
            Type::Quantity => write!(f, "kubernetes.Quantity"),
            Type::Url => write!(f, "kubernetes.URL"),
            Type::Ip => write!(f, "net.IP"),
            Type::Cidr => write!(f, "net.CIDR"),
            Type::Format => write!(f, "kubernetes.NamedFormat"),
            Type::Any(name) => write!(f, "{name}"),
        }
    }
}

/// What the names in a signature stand for in one call.
#[derive(Default)]
pub struct Bound(Vec<(char, Type)>);

impl Bound {
    /// Whether a value of type `given` can stand where `wanted` is asked for.
    pub fn fits(&mut self, wanted: &Type, given: &Type) -> bool {
        match (wanted, given) {
            (Type::Any(name), _) => match self.0.iter().position(|(known, _)| known == name) {
                None => {
                    self.0.push((*name, given.clone()));
                    true
                }
                Some(at) => match self.0[at].1.join(given) {
                    Some(joined) => {
                        self.0[at].1 = joined;
                        true
                    }
                    None => false,
                },
            },
            (Type::Dyn, _) | (_, Type::Dyn) => true,
            (
                Type::Timestamp | Type::Duration | Type::Object(_) | Type::List(_) | Type::Map(..) | Type::Optional(_),
                Type::Null,
            ) => true,
            (Type::List(wanted), Type::List(given)) | (Type::Optional(wanted), Type::Optional(given)) => {
                self.fits(wanted, given)
            }
            (Type::Map(key, value), Type::Map(given_key, given_value)) => {
                self.fits(key, given_key) && self.fits(value, given_value)
            }
            (wanted, given) => wanted == given,
        }
    }

    /// A signature's type with what its names stand for.
    pub fn resolve(&self, type_: &Type) -> Type {
        match type_ {
            Type::Any(name) => {
                self.0.iter().find(|(known, _)| known == name).map_or(Type::Dyn, |(_, type_)| type_.clone())
            }
            Type::List(of) => Type::list(self.resolve(of)),
            Type::Optional(of) => Type::optional(self.resolve(of)),
            Type::Map(key, value) => Type::map(self.resolve(key), self.resolve(value)),
            other => other.clone(),
        }
    }
}
