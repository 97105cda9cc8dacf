/// Which releases of an app are kept.
enum ReleaseRetention {
    /// Those that can go: all but the newest ones, the one that runs, the one that going back leads to, and those that
    /// others were made of.
    ///
    /// - Parameters:
    ///   - history: all releases, newest first.
    ///   - count: how many of the newest are kept.
    static func outdated(in history: [Release], keeping count: Int) -> [Release] {
        let live = history.first { $0.status == .live }
        let kept = Set(
            [live?.number, history.rollbackTarget?.number, live?.copyOf, history.first?.copyOf].compactMap { $0 })
        return history.dropFirst(count).filter { !kept.contains($0.number) && $0.status != .starting }
    }
}

extension [Release] {
    /// The release that going back leads to when none is named: the last one that ran and is not the same as what runs
    /// now. The releases are newest first.
    var rollbackTarget: Release? {
        let live = first { $0.status == .live }
        return first { $0.status == .replaced && $0.document != live?.document }
    }
}
