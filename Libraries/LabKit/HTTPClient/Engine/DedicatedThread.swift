internal import CCurl
import Glibc

/// A thread outside the cooperative pool, for code that sleeps in a C library.
enum DedicatedThread {
    /// Starts a detached thread that runs `body` and ends with it.
    /// - Parameter name: seen in process listings, at most 15 bytes.
    /// - Returns: false where the system has no thread left.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        let box = Unmanaged.passRetained(Box(name: name, body: body))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { context in
                guard let context else { return nil }
                let box = Unmanaged<Box>.fromOpaque(context).takeRetainedValue()
                lab_thread_set_name(box.name)
                box.body()
                return nil
            }, box.toOpaque())
        if code != 0 { box.release() }
        return code == 0
    }

    private final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
