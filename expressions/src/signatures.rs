//! What functions there are, which types they take and which they give. What each does is in [`crate::functions`].

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::types::{Bound, Type};

/// One way to call a function.
#[derive(Debug)]
pub struct Signature {
    pub params: Vec<Type>,
    pub gives: Type,
}

/// A name with its parameters and what it gives; with a dot in front it is a method, whose target is the first parameter.
/// `A` and `B` are any type, the same one wherever they stand.
const TABLE: &str = "
!(bool)bool
-_(int)int
-_(double)double
+(int,int)int
+(uint,uint)uint
+(double,double)double
+(string,string)string
+(bytes,bytes)bytes
+(list(A),list(A))list(A)
+(timestamp,duration)timestamp
+(duration,timestamp)timestamp
+(duration,duration)duration
-(int,int)int
-(uint,uint)uint
-(double,double)double
-(timestamp,timestamp)duration
-(timestamp,duration)timestamp
-(duration,duration)duration
*(int,int)int
*(uint,uint)uint
*(double,double)double
/(int,int)int
/(uint,uint)uint
/(double,double)double
%(int,int)int
%(uint,uint)uint
==(A,A)bool
!=(A,A)bool
<(bool,bool)bool
<(int,int)bool
<(int,double)bool
<(int,uint)bool
<(uint,uint)bool
<(uint,double)bool
<(uint,int)bool
<(double,double)bool
<(double,int)bool
<(double,uint)bool
<(string,string)bool
<(bytes,bytes)bool
<(timestamp,timestamp)bool
<(duration,duration)bool
in(A,list(A))bool
in(A,map(A,B))bool
size(string)int
size(bytes)int
size(list(A))int
size(map(A,B))int
.size(string)int
.size(bytes)int
.size(list(A))int
.size(map(A,B))int
dyn(A)dyn
type(A)type
bool(bool)bool
bool(string)bool
int(int)int
int(uint)int
int(double)int
int(string)int
int(timestamp)int
int(duration)int
uint(uint)uint
uint(int)uint
uint(double)uint
uint(string)uint
double(double)double
double(int)double
double(uint)double
double(string)double
string(string)string
string(bool)string
string(int)string
string(uint)string
string(double)string
string(bytes)string
string(timestamp)string
string(duration)string
string(ip)string
string(cidr)string
bytes(bytes)bytes
bytes(string)bytes
timestamp(timestamp)timestamp
timestamp(string)timestamp
timestamp(int)timestamp
duration(duration)duration
duration(string)duration
.contains(string,string)bool
.startsWith(string,string)bool
.endsWith(string,string)bool
.matches(string,string)bool
matches(string,string)bool
.charAt(string,int)string
.indexOf(string,string)int
.indexOf(string,string,int)int
.lastIndexOf(string,string)int
.lastIndexOf(string,string,int)int
.lowerAscii(string)string
.upperAscii(string)string
.replace(string,string,string)string
.replace(string,string,string,int)string
.split(string,string)list(string)
.split(string,string,int)list(string)
.substring(string,int)string
.substring(string,int,int)string
.trim(string)string
.join(list(string))string
.join(list(string),string)string
.reverse(string)string
.format(string,list(dyn))string
strings.quote(string)string
.find(string,string)string
.findAll(string,string)list(string)
.findAll(string,string,int)list(string)
.isSorted(list(A))bool
.sum(list(int))int
.sum(list(uint))uint
.sum(list(double))double
.sum(list(duration))duration
.min(list(A))A
.max(list(A))A
.indexOf(list(A),A)int
.lastIndexOf(list(A),A)int
sets.contains(list(A),list(A))bool
sets.equivalent(list(A),list(A))bool
sets.intersects(list(A),list(A))bool
base64.encode(bytes)string
base64.decode(string)bytes
.getFullYear(timestamp)int
.getFullYear(timestamp,string)int
.getMonth(timestamp)int
.getMonth(timestamp,string)int
.getDate(timestamp)int
.getDate(timestamp,string)int
.getDayOfMonth(timestamp)int
.getDayOfMonth(timestamp,string)int
.getDayOfWeek(timestamp)int
.getDayOfWeek(timestamp,string)int
.getDayOfYear(timestamp)int
.getDayOfYear(timestamp,string)int
.getHours(timestamp)int
.getHours(timestamp,string)int
.getHours(duration)int
.getMinutes(timestamp)int
.getMinutes(timestamp,string)int
.getMinutes(duration)int
.getSeconds(timestamp)int
.getSeconds(timestamp,string)int
.getSeconds(duration)int
.getMilliseconds(timestamp)int
.getMilliseconds(timestamp,string)int
.getMilliseconds(duration)int
optional.of(A)optional(A)
optional.ofNonZeroValue(A)optional(A)
optional.none()optional(dyn)
.hasValue(optional(A))bool
.value(optional(A))A
.or(optional(A),optional(A))optional(A)
.orValue(optional(A),A)A
quantity(string)quantity
isQuantity(string)bool
.isInteger(quantity)bool
.asInteger(quantity)int
.asApproximateFloat(quantity)double
.sign(quantity)int
.add(quantity,quantity)quantity
.add(quantity,int)quantity
.sub(quantity,quantity)quantity
.sub(quantity,int)quantity
.compareTo(quantity,quantity)int
.isLessThan(quantity,quantity)bool
.isGreaterThan(quantity,quantity)bool
url(string)url
isURL(string)bool
.getScheme(url)string
.getHost(url)string
.getHostname(url)string
.getPort(url)string
.getEscapedPath(url)string
.getQuery(url)map(string,list(string))
ip(string)ip
isIP(string)bool
ip.isCanonical(string)bool
.family(ip)int
.isUnspecified(ip)bool
.isLoopback(ip)bool
.isLinkLocalMulticast(ip)bool
.isLinkLocalUnicast(ip)bool
.isGlobalUnicast(ip)bool
cidr(string)cidr
isCIDR(string)bool
.containsIP(cidr,ip)bool
.containsIP(cidr,string)bool
.containsCIDR(cidr,cidr)bool
.containsCIDR(cidr,string)bool
.ip(cidr)ip
.masked(cidr)cidr
.prefixLength(cidr)int
format.named(string)optional(format)
format.dns1123Label()format
format.dns1123Subdomain()format
format.dns1035Label()format
format.qualifiedName()format
format.dns1123LabelPrefix()format
format.dns1123SubdomainPrefix()format
format.dns1035LabelPrefix()format
format.labelValue()format
format.uri()format
format.uuid()format
format.byte()format
format.date()format
format.datetime()format
.validate(format,string)optional(list(string))
";

/// By name, methods with their dot.
static SIGNATURES: LazyLock<HashMap<&'static str, Vec<Signature>>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Vec<Signature>> = HashMap::new();
    for line in TABLE.lines().filter(|line| !line.is_empty()) {
        let Some((name, rest)) = line.split_once('(') else { continue };
        let mut reader = Reader(rest);
        let params = reader.list();
        all.entry(name).or_default().push(Signature { params, gives: reader.type_() });
    }
    for other in ["<=", ">", ">="] {
        let same = all.get("<").into_iter().flatten();
        let same = same.map(|s| Signature { params: s.params.clone(), gives: s.gives.clone() }).collect();
        all.insert(other, same);
    }
    all
});

/// All of them, for tests that go through them.
#[cfg(test)]
pub fn all() -> impl Iterator<Item = (&'static str, &'static Signature)> {
    SIGNATURES.iter().flat_map(|(name, all)| all.iter().map(|signature| (*name, signature)))
}

pub fn is_function(name: &str) -> bool {
    SIGNATURES.contains_key(name)
}

/// What a call gives; `None`: nothing takes these. Where several take them, because something is `dyn`, only what they agree on
/// is known.
pub fn resolve(name: &str, method: bool, args: &[Type]) -> Option<Type> {
    let full = if method { format!(".{name}") } else { name.to_owned() };
    let mut gives: Option<Type> = None;
    for signature in SIGNATURES.get(&*full)? {
        let mut bound = Bound::default();
        let fits = signature.params.len() == args.len()
            && signature.params.iter().zip(args).all(|(param, arg)| bound.fits(param, arg));
        if fits {
            let this = bound.resolve(&signature.gives);
            gives = Some(match gives {
                Some(before) if before != this => Type::Dyn,
                _ => this,
            });
        }
    }
    gives
}

/// Reads the table's types.
struct Reader(&'static str);

impl Reader {
    fn list(&mut self) -> Vec<Type> {
        let mut types = vec![];
        while !self.eat(')') {
            types.push(self.type_());
            self.eat(',');
        }
        types
    }

    fn eat(&mut self, c: char) -> bool {
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some() || self.0.is_empty()
    }

    fn type_(&mut self) -> Type {
        let end = self.0.find(['(', ')', ',']).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        let mut inner = if matches!(word, "list" | "map" | "optional") && self.eat('(') { self.list() } else { vec![] };
        let last = inner.pop().unwrap_or(Type::Dyn);
        match word {
            "bool" => Type::Bool,
            "int" => Type::Int,
            "uint" => Type::Uint,
            "double" => Type::Double,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "timestamp" => Type::Timestamp,
            "duration" => Type::Duration,
            "list" => Type::list(last),
            "map" => Type::map(inner.pop().unwrap_or(Type::Dyn), last),
            "optional" => Type::optional(last),
            "type" => Type::Type,
            "quantity" => Type::Quantity,
            "url" => Type::Url,
            "ip" => Type::Ip,
            "cidr" => Type::Cidr,
            "format" => Type::Format,
            "A" => Type::Any('A'),
            "B" => Type::Any('B'),
            _ => Type::Dyn,
        }
    }
}
