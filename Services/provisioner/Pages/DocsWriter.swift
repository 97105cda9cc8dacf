import FoundationEssentials
import LabCore
import LabState
import Synchronization

/// Keeps the pages of apps: each says what is declared and what was last seen, and is whole at every moment.
final class DocsWriter: Sendable {
    private struct Written {
        let text: String
        let essence: String
        let at: Date
    }

    private let store: PageStore
    private let clock: any WallClock
    /// How old the times of observation on a page may become while nothing else changes, in seconds.
    private let maximumAge: Double
    private let written = Mutex<[AppName: Written]>([:])

    init(_ store: PageStore, clock: any WallClock, maximumAge: Duration = .seconds(900)) {
        self.store = store
        self.clock = clock
        self.maximumAge = maximumAge.seconds
    }

    func path(of name: AppName) -> String { store.path(.app(name)) }

    /// Whether a page of ours is there.
    func hasPage(_ name: AppName) async throws(PageError) -> Bool {
        try await store.read(.app(name)).map(FrontMatter.isOurs) ?? false
    }

    /// Makes the page say what it should, and reads it back.
    func write(_ page: AppPage) async throws(PageError) {
        let essence = page.text(withObservations: false)
        let now = clock.now
        if let last = written.withLock({ $0[page.name] }), last.essence == essence,
            now.timeIntervalSince(last.at) < maximumAge, try await store.read(.app(page.name)) == last.text
        {
            return
        }
        let text = page.text()
        try await store.write(text, to: .app(page.name))
        written.withLock { $0[page.name] = Written(text: text, essence: essence, at: now) }
    }

    func remove(_ name: AppName) async throws(PageError) {
        try await store.delete(.app(name))
        written.withLock { _ = $0.removeValue(forKey: name) }
    }
}
