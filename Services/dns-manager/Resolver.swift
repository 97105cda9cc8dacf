public import LabCore

/// The seam: a DNS resolver that the lab's clients ask, and that can be told what to answer.
///
/// A driver promises: what was published is answered at once and still after the resolver was restarted; what it did
/// not publish it leaves alone, except at names that it publishes; it does nothing when there is nothing to change; a
/// resolver that is away is an error, never a hang. Calls may overlap.
public protocol Resolver: Sendable {
    /// What it can hold. What it cannot is refused when it is declared.
    var capabilities: ResolverCapabilities { get }

    /// Makes the resolver answer what is to be published, and keep it over a restart.
    ///
    /// - Parameters:
    ///   - publication: everything.
    ///   - names: those to look at: whatever may have changed since the last call.
    func publish(_ publication: Publication, changing names: Set<RecordName>) async -> PublishReport

    /// Compares everything published with what the resolver holds, cheaply.
    func compare(with publication: Publication) async throws(ResolverError) -> Drift

    /// Asks the resolver as a client would, over DNS, all questions at once; the answers in the questions' order.
    func answer(_ questions: [Question]) async -> [Result<Answer, ResolverError>]
}

/// What a resolver can hold.
public struct ResolverCapabilities: Sendable, Hashable {
    public enum Wildcards: Sendable, Hashable {
        case none
        /// A wildcard's data also answers for the name that it lies directly below.
        case withApex
        /// As RFC 4592 has it.
        case exact
    }

    public let types: Set<RecordType>
    public let wildcards: Wildcards
    /// Whether an answer with a CNAME also has the addresses of a target that is published too. Where it has not, the
    /// addresses are published in the CNAME's place.
    public let followsAliases: Bool

    public init(types: Set<RecordType>, wildcards: Wildcards, followsAliases: Bool) {
        self.types = types
        self.wildcards = wildcards
        self.followsAliases = followsAliases
    }
}

/// Everything that the resolver is to answer by itself.
public struct Publication: Sendable {
    public let zones: [LabZones.Zone]
    /// The record sets at each name, sorted by type. A wildcard is a name with `*`.
    public internal(set) var names: [RecordName: [RecordSet]]

    public init(zones: [LabZones.Zone], names: [RecordName: [RecordSet]] = [:]) {
        self.zones = zones
        self.names = names
    }
}

/// How publishing went.
public struct PublishReport: Sendable {
    /// Why the resolver does not answer all of it now; nil when it took it all.
    public var live: ResolverError?
    /// Why it would not survive a restart; nil when it would.
    public var stored: ResolverError?
    /// Names that the resolver refused, with its words.
    public var refused: [RecordName: String]

    public init(live: ResolverError? = nil, stored: ResolverError? = nil, refused: [RecordName: String] = [:]) {
        self.live = live
        self.stored = stored
        self.refused = refused
    }
}

/// How the resolver differs from what is published.
public struct Drift: Sendable {
    /// Published names at which it holds something else.
    public var names: Set<RecordName>
    /// What it holds and was not published, without what it brings along: `name TTL IN TYPE data`.
    public var unmanaged: [String]

    public init(names: Set<RecordName> = [], unmanaged: [String] = []) {
        self.names = names
        self.unmanaged = unmanaged
    }
}

public struct Question: Sendable, Hashable {
    public let name: RecordName
    public let type: RecordType

    public init(_ name: RecordName, _ type: RecordType) {
        self.name = name
        self.type = type
    }
}

/// What the resolver said, and how long it took.
public struct Answer: Sendable, Hashable {
    /// `NOERROR`, `NXDOMAIN`, … (RFC 6895).
    public let code: String
    /// The record sets of the answer that belong to the question's name and type; more when aliases were followed.
    public let sets: [RecordSet]
    public let elapsed: Duration

    public init(code: String, sets: [RecordSet], elapsed: Duration) {
        self.code = code
        self.sets = sets
        self.elapsed = elapsed
    }
}

/// Why a resolver did not do what it was asked.
public struct ResolverError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Reason: String, Sendable {
        /// Nobody answers; it heals when the resolver is back.
        case unavailable = "ResolverUnavailable"
        /// It said no.
        case refused = "ResolverRefused"
        /// The resolver's own configuration does not pass its check.
        case configuration = "ConfigurationRefused"
        /// The records could not be written where the resolver reads them.
        case storage = "RecordsNotStored"
    }

    public let reason: Reason
    /// What was done, what happened, what to do.
    public let detail: String

    public init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    public var description: String { detail }
}
