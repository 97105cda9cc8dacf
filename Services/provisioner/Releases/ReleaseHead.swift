/// Where the releases of an app stand.
struct ReleaseHead: Sendable {
    /// The last one that was made.
    let newest: Release?
    /// The one that runs.
    let live: Release?
    /// The last one of those that ran once.
    let replaced: Release?

    /// What is started again when a new release does not come up.
    var fallback: Release? { live ?? replaced }

    /// What the containers are of: the release that runs, or one that did not come up and was left standing.
    var present: Release? { live ?? (newest?.isLeftStanding == true ? newest : nil) }

    /// - Parameter releases: these three, in any order.
    init(_ releases: [Release]) {
        newest = releases.max { $0.number < $1.number }
        live = releases.first { $0.status == .live }
        replaced = releases.filter { $0.status == .replaced }.max { $0.number < $1.number }
    }
}
