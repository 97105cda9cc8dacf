internal import CCurl

/// The transfers under way and the handles at rest; lives on the loop's thread.
struct TransferTable {
    private let multi: MultiHandle
    private let configuration: HTTPClientConfiguration
    private var active: [ObjectIdentifier: EasyHandle] = [:]
    private var idle: [EasyHandle] = []

    init(multi: MultiHandle, configuration: HTTPClientConfiguration) {
        self.multi = multi
        self.configuration = configuration
    }

    mutating func handle(_ command: TransferLoop.Command) {
        switch command {
        case .start(let transfer): start(transfer)
        case .cancel(let transfer):
            guard active[ObjectIdentifier(transfer)] != nil else { return }
            end(transfer, with: .failure(CancellationError()))
        case .unpause(let transfer):
            guard let handle = active[ObjectIdentifier(transfer)] else { return }
            let pauses = transfer.pauses
            curl_easy_pause(
                handle.pointer,
                (pauses.receiving ? CURLPAUSE_RECV : 0) | (pauses.sending ? CURLPAUSE_SEND : 0))
        }
    }

    private mutating func start(_ transfer: Transfer) {
        guard !transfer.isCancelled else { return transfer.finish(.failure(CancellationError())) }
        let place = transfer.plan.place
        guard let handle = idle.popLast() ?? EasyHandle() else {
            return transfer.finish(.failure(HTTPClientError(.engine(code: 27), at: place)))
        }
        handle.transfer = transfer
        do {
            try handle.prepare(
                transfer.plan, configuration: configuration, context: Unmanaged.passUnretained(transfer).toOpaque())
        } catch {
            handle.transfer = nil
            let detail = "option \(error.option.rawValue): \(String(cString: curl_easy_strerror(error.code)))"
            return transfer.finish(
                .failure(HTTPClientError(.engine(code: Int(error.code.rawValue)), at: place, detail: detail)))
        }
        active[ObjectIdentifier(transfer)] = handle
        let code = curl_multi_add_handle(multi.pointer, handle.pointer)
        guard code == CURLM_OK else {
            return end(transfer, with: .failure(HTTPClientError(.engine(code: Int(code.rawValue)), at: place)))
        }
    }

    /// Hands over the results of all transfers that libcurl has ended.
    mutating func collectFinished() {
        var remaining: CInt = 0
        while let message = curl_multi_info_read(multi.pointer, &remaining) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            // Read before the handle is removed, which invalidates the message.
            let code = lab_curl_message_result(message)
            var context: UnsafeMutableRawPointer?
            guard lab_curl_get_pointer(easy, CURLINFO_PRIVATE, &context) == CURLE_OK, let context else { continue }
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            guard let handle = active[ObjectIdentifier(transfer)] else { continue }
            if code == CURLE_OK {
                if !transfer.deliversHeadFirst || transfer.awaitsHead {
                    transfer.deliver(
                        handle.head(of: transfer.parsedHead), redirectURL: handle.text(CURLINFO_REDIRECT_URL))
                }
                end(transfer, with: .success(()))
            } else {
                end(transfer, with: .failure(handle.failure(code, of: transfer)))
            }
        }
    }

    mutating func failAll(_ kind: HTTPClientError.Kind) {
        for transfer in active.values.compactMap(\.transfer) {
            end(transfer, with: .failure(HTTPClientError(kind, at: transfer.plan.place)))
        }
        idle = []
    }

    /// Takes a transfer off libcurl and tells its caller. Removal comes first, so that no callback follows the end.
    private mutating func end(_ transfer: Transfer, with result: Result<Void, any Error>) {
        guard let handle = active.removeValue(forKey: ObjectIdentifier(transfer)) else { return }
        curl_multi_remove_handle(multi.pointer, handle.pointer)
        handle.transfer = nil
        if idle.count < configuration.connectionsInTotal { idle.append(handle) }
        transfer.finish(result)
    }
}
